"""One process at a time prepares a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".prepare.lock"  # in data.root


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait until no other process prepares `root`."""
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another process prepares {root}; waiting for it to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
