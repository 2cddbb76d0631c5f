"""Disks that would be full."""

import shutil
from pathlib import Path

RESERVE = 64 << 20  # bytes left to everything else
GIB = 1 << 30


class NoRoomError(ValueError):
    """What is to be written is larger than what is free."""


def require_space(folder: Path, size: int) -> None:
    """Raise NoRoomError if `folder` has no room for `size` bytes."""
    free = shutil.disk_usage(folder).free
    if size + RESERVE > free:
        raise NoRoomError(
            f"{size / GIB:.2f} GiB are to be written to {folder}, {free / GIB:.2f} GiB are free; "
            "free the rest and run the same command again, or give another data.root="
        )
