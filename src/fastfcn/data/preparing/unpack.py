"""Unpacking archives of strangers: nothing is written outside the target, no links, no bombs, no half files."""

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from rich.progress import track

from fastfcn.data.preparing.space import require_space

MAX_RATIO = 20  # of unpacked to packed bytes; pictures and their masks shrink far less
SLACK = 64 << 20  # bytes that any archive may have beyond that
BLOCK = 1 << 20
DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError,
    RuntimeError,  # zipfile's for an encrypted or unknown member
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A regular file in an archive."""

    path: PurePosixPath
    size: int


class Reader(Protocol):
    """An open archive."""

    def members(self) -> Iterable[Member]:
        """List the regular files. Raises ValueError for anything that is neither file nor folder."""

    def files(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Open one file after another, in the archive's order."""


def unpack(archive: Path, target: Path) -> int:
    """Unpack a zip or tar into `target` and return the number of its files; files of their size there are kept.

    Every member is checked before the first is written. Raises ValueError if the archive is damaged, holds links or
    members that lead out of `target`, or unpacks to far more than its own size.
    """
    with _whole(archive), _open(archive) as reader:
        members = list(reader.members())
        for member in members:
            _require_inside(archive, member)
        total = sum(member.size for member in members)
        limit = MAX_RATIO * archive.stat().st_size + SLACK
        if total > limit:
            raise ValueError(f"{archive} would unpack to {total} bytes, more than the {limit} allowed; it is refused")
        require_space(target, total)
        for member, source in track(reader.files(), f"unpacking {archive.name}", total=len(members)):
            _write(source, target / member.path, member.size)
    return len(members)


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ValueError(
            f"{archive} is truncated or damaged ({error}); remove it and run the same command again"
        ) from error


@contextmanager
def _open(archive: Path) -> Iterator[Reader]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as file:
            yield ZipReader(archive, file)
    else:
        with tarfile.open(archive) as tar:
            yield TarReader(archive, tar)


class ZipReader:
    """A zip file."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self.file = file
        self.infos = [info for info in file.infolist() if not info.is_dir()]

    def members(self) -> Iterable[Member]:
        """List the files."""
        for info in self.infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise _no_file(self.path, info.filename)
            yield _member(info)

    def files(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Open the files."""
        for info in self.infos:
            with self.file.open(info) as source:
                yield _member(info), source


def _member(info: zipfile.ZipInfo) -> Member:
    return Member(PurePosixPath(info.filename), info.file_size)


class TarReader:
    """A tar file, compressed or not. Hard links are the files that they name."""

    def __init__(self, path: Path, file: tarfile.TarFile) -> None:
        self.path = path
        self.file = file

    def members(self) -> Iterable[Member]:
        """List the files."""
        for info in self.file:
            if info.isfile() or info.islnk():
                yield self._member(info)
            elif not info.isdir():
                raise _no_file(self.path, info.name)
        self._require_end()

    def files(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Open the files."""
        for info in self.file.getmembers():
            source = None if info.isdir() else self.file.extractfile(info)
            if source is not None:
                with source:
                    yield self._member(info), source

    def _require_end(self) -> None:
        """Look for the block of zeros that ends a tar; tarfile takes one that was cut off for whole."""
        stream = self.file.fileobj
        assert stream is not None
        stream.seek(self.file.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it has no end")

    def _member(self, info: tarfile.TarInfo) -> Member:
        if not info.islnk():
            return Member(PurePosixPath(info.name), info.size)
        try:
            return Member(PurePosixPath(info.name), self.file.getmember(info.linkname).size)
        except KeyError as error:
            raise _no_file(self.path, info.name) from error


def _no_file(archive: Path, name: str) -> ValueError:
    return ValueError(f"{archive} holds {name}, which is a link or no plain file; it is refused")


def _require_inside(archive: Path, member: Member) -> None:
    path = member.path
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or ":" in str(path):
        raise ValueError(f"{archive} holds {path}, which leads out of its folder; it is refused")


def _write(source: IO[bytes], path: Path, size: int) -> None:
    """Write a member beside its place and rename it, unless it is there."""
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
        if temporary.stat().st_size != size:
            raise EOFError(f"{path.name} ends too early")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
