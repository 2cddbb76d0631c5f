"""Unpacking archives of strangers: nothing is written outside the target, no links, no bombs, no half files."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from rich.progress import track

from fastfcn.data.preparing.readers import Member, RefusedError, open_archive, shown
from fastfcn.data.preparing.space import NoRoomError, require_space
from fastfcn.disk import NoSpaceError, explained

MAX_RATIO = 20  # of unpacked to packed bytes; pictures and their masks shrink far less
SLACK = 64 << 20  # bytes that any archive may have beyond that
MAX_MEMBERS = 1_000_000
MAX_NAME = 255  # bytes of a part of a path
BLOCK = 1 << 20


def unpack(archive: Path, target: Path) -> int:
    """Unpack a zip or tar into `target` and return the number of its files; files of their size there are kept.

    Every member is checked before the first is written. Raises ValueError if the archive is damaged, holds links or
    members that lead out of `target`, or unpacks to far more than its own size.
    """
    with _whole(archive), open_archive(archive) as reader:
        members = _checked(archive, reader.members())
        require_space(target, sum(member.size for member in members))
        for member, source in track(reader.files(), f"unpacking {archive.name}", total=len(members)):
            _write(source, target / member.path, member.size)
    return len(members)


def _checked(archive: Path, listed: Iterable[Member]) -> list[Member]:
    """Collect the members, each looked at before the archive is read on."""
    members: dict[PurePosixPath, Member] = {}
    limit = MAX_RATIO * archive.stat().st_size + SLACK
    total = 0
    for member in listed:
        _require_inside(archive, member.path)
        if member.size < 0:
            raise RefusedError(f"{archive} holds {shown(member.path)}, which has a size of {member.size} bytes")
        total += member.size
        if total > limit:
            raise RefusedError(f"{archive} would unpack to {total} bytes, more than the {limit} allowed; it is refused")
        if member.path in members:
            raise RefusedError(f"{archive} holds {shown(member.path)} twice; it is refused")
        if len(members) == MAX_MEMBERS:
            raise RefusedError(f"{archive} holds more than {MAX_MEMBERS} files; it is refused")
        members[member.path] = member
    return list(members.values())


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    """Say that an archive is damaged, whatever its reader stumbles over; what is said of the disk passes."""
    try:
        yield
    except (RefusedError, NoRoomError, NoSpaceError, MemoryError):
        raise
    except Exception as error:  # zipfile and tarfile raise a dozen types
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise ValueError(
            f"{archive} is truncated or damaged ({error or type(error).__name__}); remove it and run the same command "
            "again"
        ) from error


def _require_inside(archive: Path, path: PurePosixPath) -> None:
    text = str(path)
    if path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text:
        raise RefusedError(f"{archive} holds {shown(path)}, which leads out of its folder; it is refused")
    if not path.parts or not text.isprintable() or any(len(part.encode()) > MAX_NAME for part in path.parts):
        raise RefusedError(f"{archive} holds {shown(path)}, which is no name of a file; it is refused")


def _write(source: IO[bytes], path: Path, size: int) -> None:
    """Write a member beside its place and rename it, unless it is there."""
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.part")
    try:
        with explained(path), temporary.open("wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
        if temporary.stat().st_size != size:
            raise EOFError(f"{path.name} ends too early")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
