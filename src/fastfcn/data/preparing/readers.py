"""Archives of strangers, listed and read: zip and tar, compressed or not."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

MAX_HEADER = 1 << 20  # bytes that a tar may ask for at once: names and attributes are shorter
MAX_SHOWN = 80  # characters of a name in a message
TAR_STREAMS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


class RefusedError(ValueError):
    """An archive that can be read, and holds what is not unpacked."""


@dataclass(frozen=True)
class Member:
    """A regular file in an archive."""

    path: PurePosixPath
    size: int


class Reader(Protocol):
    """An open archive."""

    def members(self) -> Iterable[Member]:
        """List the regular files, once. Raises RefusedError for anything that is neither file nor folder."""

    def files(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Open one listed file after another, in the archive's order."""


@contextmanager
def open_archive(path: Path) -> Iterator[Reader]:
    """Open a zip, by its suffix, or else a tar; how a tar is compressed its first bytes tell."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield ZipReader(path, archive)
        return
    with path.open("rb") as file:
        mark = file.read(2)
    with TAR_STREAMS.get(mark, open)(path, "rb") as stream:
        sparing = cast(IO[bytes], _Sparing(stream))
        with tarfile.open(fileobj=sparing, mode="r:") as tar:
            yield TarReader(path, tar)


class _Sparing:
    """The stream of a tar, of which no more is read at once than a header needs; content comes in smaller blocks."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        """Read `size` bytes. Raises ReadError for more than MAX_HEADER."""
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)


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
    """A tar file. Hard links are the files before them that they name."""

    def __init__(self, path: Path, file: tarfile.TarFile) -> None:
        self.path = path
        self.file = file
        self._contents: list[tuple[Member, tarfile.TarInfo]] = []

    def members(self) -> Iterable[Member]:
        """List the files."""
        plain: dict[str, tarfile.TarInfo] = {}
        for info in self.file:
            if info.isdir():
                continue
            content = info if info.isreg() else plain.get(info.linkname) if info.islnk() else None
            if content is None:
                raise _no_file(self.path, info.name)
            plain[info.name] = content
            member = Member(PurePosixPath(info.name), content.size)
            self._contents.append((member, content))
            yield member
        self._require_end()

    def files(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Open the files."""
        for member, content in self._contents:
            source = self.file.extractfile(content)
            assert source is not None
            with source:
                yield member, source

    def _require_end(self) -> None:
        """Look for the block of zeros that ends a tar; tarfile takes one that was cut off for whole."""
        stream = self.file.fileobj
        assert stream is not None
        stream.seek(self.file.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it has no end")


def shown(name: object) -> str:
    """Write a name so that it can be printed, cut where it is long."""
    text = str(name) if str(name).isprintable() else ascii(str(name))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _no_file(archive: Path, name: str) -> RefusedError:
    return RefusedError(f"{archive} holds {shown(name)}, which is a link or no plain file; it is refused")
