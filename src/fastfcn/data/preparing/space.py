"""Disks that are full, or would be."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
RESERVE = 64 << 20  # bytes left to everything else
GIB = 1 << 30


def require_space(folder: Path, size: int) -> None:
    """Raise ValueError if `folder` has no room for `size` bytes."""
    free = shutil.disk_usage(folder).free
    if size + RESERVE > free:
        raise ValueError(
            f"{size / GIB:.2f} GiB are to be written to {folder}, {free / GIB:.2f} GiB are free; "
            "free the rest and run the same command again, or give another data.root="
        )


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn the error of a full disk into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ValueError(
            f"no space left in {root}; what was finished is kept: free some and run the same command again"
        ) from error
