"""Folders in shared memory that last as long as a process uses them, and no longer."""

import atexit
import fcntl
import os
import shutil
from pathlib import Path

MEMORY = "ram"
SHARED_MEMORY = Path("/dev/shm")  # Linux keeps it in memory, for all processes of a machine

_in_use: dict[Path, int] = {}  # descriptors of the locks that this process holds


def memory_folder(name: str) -> Path:
    """Return a folder in memory, shared by every process of this user that asks for `name`.

    The last of them to end removes it; what a killed process left behind goes when the next one asks. Raises
    ValueError where there is no shared memory.
    """
    if not SHARED_MEMORY.is_dir():
        raise ValueError(f"there is no {SHARED_MEMORY} here to hold recipe.cache=ram; give a folder on a disk instead")
    base = SHARED_MEMORY / f"fastfcn-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    folder = base / name
    if folder not in _in_use:
        for lock in base.glob("*.lock"):
            _remove_if_unused(os.open(lock, os.O_RDWR), lock.with_suffix(""))
        descriptor = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # the kernel gives it up even if this process is killed
        _in_use[folder] = descriptor
        atexit.register(release, folder)
    folder.mkdir(exist_ok=True)
    return folder


def release(folder: Path) -> None:
    """Stop using a folder, and remove it unless other processes use it."""
    if folder in _in_use:
        _remove_if_unused(_in_use.pop(folder), folder)


def memory_available() -> int:
    """Return the bytes that can be used without swapping."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _remove_if_unused(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # in use
        pass
    finally:
        os.close(descriptor)
