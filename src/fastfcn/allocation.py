"""Memory that a process keeps for its next step instead of giving it back."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT = 2**30  # bytes
RETURNED = 2**24


def keep_freed_memory() -> None:
    """Have glibc reuse blocks of up to KEPT bytes; no effect with another allocator or on GPU memory.

    It hands every block over 32 MB back to the system, which has to clear the pages when the next step asks for the
    same block again: a fifth of the time of a training step on a CPU.
    """
    _set_thresholds(KEPT)


def return_freed_memory() -> None:
    """Have glibc hand large blocks back again, and all that is free now.

    Among pieces of many sizes, what it keeps is riddled with those that stay, and grows: whoever works for long calls
    this now and then.
    """
    _set_thresholds(RETURNED)
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _set_thresholds(size: int) -> None:
    if (libc := _glibc()) is not None:
        libc.mallopt(M_MMAP_THRESHOLD, size)
        libc.mallopt(M_TRIM_THRESHOLD, 2 * size - 1)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
