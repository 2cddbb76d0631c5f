"""The most memory that a piece of work takes."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import torch

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # what proc(5) documents for clear_refs


def peak_memory(work: Callable[[], object], device: torch.device) -> int | None:
    """Run `work` and return the bytes that it held at most, beyond what was held before.

    On CUDA of PyTorch's allocator, on Linux of the whole process; None elsewhere.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if sys.platform != "linux" or not CLEAR_REFS.exists():
        return None
    _release_freed()
    CLEAR_REFS.write_text(RESET_PEAK)
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _release_freed() -> None:
    """Hand freed memory back to the system, which glibc otherwise keeps and would hide from the count."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _status(key: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} has no {key}")
