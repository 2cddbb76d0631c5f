"""What a hostile file may cost: seconds, bytes, and nothing written elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS, BYTES = 20, 1_000_000_000


def memory(field: str) -> int:
    """Read VmRSS (now) or VmHWM (the most since it was reset) of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def entries(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@contextmanager
def within_limits() -> Iterator[None]:
    """Assert that what happens within takes neither 20 s nor 1 GB."""
    Path("/proc/self/clear_refs").write_text("5")  # the most is now what is
    before, started = memory("VmRSS"), time.perf_counter()
    yield
    assert time.perf_counter() - started < SECONDS
    assert memory("VmHWM") - before < BYTES
