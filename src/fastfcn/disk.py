"""Disks that are full, whoever finds out; importing this costs nothing."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
AGAIN = {"train": "the same command with resume=last"}  # by entry script


class NoSpaceError(OSError):
    """There is no space left to write a file; `path` names it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return explain(self, "")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Have the error of a full disk name what was to be written; the system's own does not."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NoSpaceError) or not is_full(error):
            raise
        raise NoSpaceError(path) from error


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk, or a user's part of it, is full."""
    return isinstance(error, NoSpaceError) or (isinstance(error, OSError) and error.errno in FULL)


def explain(error: BaseException, script: str, folder: str = "") -> str:
    """Say in one line what could not be written, or in which `folder`, and what to do in `script`."""
    path = error.path if isinstance(error, NoSpaceError) else getattr(error, "filename", None)
    what = f" to write {path}" if path is not None else f" of {folder}" if folder else ""
    again = AGAIN.get(script, "the same command")
    return f"no space left on the disk{what}; what was finished is kept: free some, and run {again} again"
