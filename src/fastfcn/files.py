"""Files that are whole or absent; importing this costs nothing."""

import errno
import itertools
import os
import re
from pathlib import Path

from fastfcn.disk import explained


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` in one step: readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with explained(path), temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_folders(*folders: Path) -> None:
    """Make folders that are written into much later. Raises OSError, which names it, for one that cannot be."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def set_aside(path: Path) -> Path:
    """Rename a file to the first of NAME.old1, NAME.old2, ... that is free, and return that."""
    places = (path.with_name(f"{path.name}.old{number}") for number in itertools.count(1))
    place = next(place for place in places if not place.exists())
    return path.rename(place)


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed in `write_atomically` has left in a folder."""
    for path in folder.glob(".*.*"):
        if re.fullmatch(r"\..+\.\d+", path.name):
            path.unlink(missing_ok=True)
