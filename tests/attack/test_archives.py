"""Archives that mean no good: links, paths, bombs, lies; and archives with bytes changed at random."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.preparing import unpack as unpack_module
from fastfcn.data.preparing.unpack import unpack
from tests.attack.bounded import files_in, refusal
from tests.data.miniature import write_archive

PLAIN = {"set/a.jpg": b"a" * 900, "set/b.png": b"b" * 800}


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar(*entries: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=kind, linkname=target)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The head of a member whose content is not there."""
    info, _ = entry(name, type=kind)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


HARD, SOFT = tarfile.LNKTYPE, tarfile.SYMTYPE
FILE = entry("set/a.jpg", b"a" * 900)
TARS: dict[str, tuple[Callable[[], bytes], str]] = {
    "symlink": (lambda: tar(FILE, link("set/b", "/etc/passwd", SOFT)), "holds set/b, which is a link"),
    "write through a symlink": (lambda: tar(link("s", "..", SOFT), entry("s/evil", b"x")), "holds s, which is a link"),
    "hard link to a file outside": (lambda: tar(FILE, link("set/b", "/etc/passwd", HARD)), "holds set/b, which is a l"),
    "hard link that climbs": (lambda: tar(FILE, link("set/b", "../../x", HARD)), "holds set/b, which is a link"),
    "hard link to itself": (lambda: tar(FILE, link("set/b", "set/b", HARD)), "holds set/b, which is a link"),
    "hard links in a ring": (lambda: tar(link("a", "b", HARD), link("b", "a", HARD)), "holds a, which is a link"),
    "hard link to a symlink": (lambda: tar(link("s", "/etc", SOFT), link("b", "s", HARD)), "holds s, which is a link"),
    "hard link to a folder": (lambda: tar(entry("d", type=tarfile.DIRTYPE), link("b", "d", HARD)), "holds b, which is"),
    "hard links that multiply": (
        lambda: tar(entry("a", b"0" * 5_000_000), *(link(f"b{index}", "a", HARD) for index in range(200))),
        "would unpack to",
    ),
    "device": (lambda: tar(entry("set/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)), "is a link or no plain"),
    "fifo": (lambda: tar(entry("set/pipe", type=tarfile.FIFOTYPE)), "is a link or no plain"),
    "absolute": (lambda: tar(entry("/tmp/evil", b"x")), "leads out of its folder"),
    "climbing": (lambda: tar(entry("set/../../evil", b"x")), "leads out of its folder"),
    "twice": (lambda: tar(FILE, entry("set/./a.jpg", b"other")), "holds set/a.jpg twice"),
    "zero byte": (lambda: tar(entry("a", b"x", pax_headers={"path": "set/a\0b"})), "is no name of a file"),
    "escape sequence": (lambda: tar(entry("set/\x1b[2Jevil", b"x")), "is no name of a file"),
    "line break": (lambda: tar(entry("set/a\nerror all is well", b"x")), "is no name of a file"),
    "long name": (lambda: tar(entry("n" * 5000, b"x")), "is no name of a file"),
    "no name": (lambda: tar(entry(".", b"x")), "is no name of a file"),
    "bytes that are no text": (lambda: tar(entry("set/\udcff", b"x")), "is no name of a file"),
    "file as a folder": (lambda: tar(entry("set", b"x"), entry("set/a", b"x")), "set"),
    "size that lies": (lambda: header("set/a", 10**12), "would unpack to 1000000000000 bytes"),
    "negative size": (lambda: tar(entry("a", b"x", pax_headers={"size": "-512"})), "a size of -512 bytes"),
    "size that is no number": (lambda: tar(entry("a", b"x", pax_headers={"size": "many"})), "is truncated or damaged"),
    "sparse file of a terabyte": (
        lambda: tar(entry("a", b"x", pax_headers={"GNU.sparse.realsize": str(10**12), "GNU.sparse.map": "0,1"})),
        "would unpack to 1000000000000 bytes",
    ),
    "sparse map without end": (
        lambda: tar(entry("a", b"x", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})), "damaged"
    ),
    "empty": (lambda: b"", "is truncated or damaged"),
    "text": (lambda: b"no archive" * 100, "is truncated or damaged"),
    "cut": (lambda: tar(FILE)[:1000], "is truncated or damaged"),
}  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "root"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("kind", ["tar", "tgz"])
@pytest.mark.parametrize("attack", TARS)
def test_tars(attack: str, kind: str, tmp_path: Path, target: Path) -> None:
    make, reason = TARS[attack]
    archive = tmp_path / f"evil.{kind}"
    archive.write_bytes(gzip.compress(make(), 1) if kind == "tgz" else make())
    line = refusal(lambda: unpack(archive, target))
    assert reason in line
    assert str(archive) in line or str(target) in line
    assert files_in(tmp_path) <= {archive.name, "data/root/set"}


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_headers_that_unpack_to_much_are_not_read(kind: bytes, tmp_path: Path, target: Path) -> None:
    archive = tmp_path / "evil.tgz"
    with gzip.open(archive, "wb", 1) as file:
        file.write(header("a", 150 << 20, kind))
        for _ in range(150):
            file.write(bytes(1 << 20))
    assert "a header of 157286400 bytes" in refusal(lambda: unpack(archive, target), most=50 << 20)


def test_zeros_that_unpack_to_much_are_not_read(tmp_path: Path, target: Path, monkeypatch) -> None:
    monkeypatch.setattr(unpack_module, "SLACK", 1 << 20)
    archive = tmp_path / "evil.tgz"
    with gzip.open(archive, "wb", 1) as file:
        file.write(header("a", 200 << 20))
        for _ in range(200):
            file.write(bytes(1 << 20))
    assert "would unpack to 209715200 bytes" in refusal(lambda: unpack(archive, target))


def zipped(*members: tuple[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            change(info)
            archive.writestr(info, content)
    return buffer.getvalue()


def with_mode(mode: int) -> bytes:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    return zipped(("set/a", b"/etc/passwd"), change=change)


def patched(content: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """Change bytes behind every `mark`."""
    changed, place = bytearray(content), content.find(mark)
    while place >= 0:
        changed[place + offset : place + offset + len(value)] = value
        place = content.find(mark, place + 1)
    return bytes(changed)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
ONE = zipped(("set/a", b"a" * 100))
ZIPS: dict[str, tuple[bytes, str]] = {
    "symlink": (with_mode(stat.S_IFLNK | 0o777), "holds set/a, which is a link"),
    "device": (with_mode(stat.S_IFCHR | 0o777), "holds set/a, which is a link or no plain file"),
    "fifo": (with_mode(stat.S_IFIFO | 0o777), "holds set/a, which is a link or no plain file"),
    "absolute": (zipped(("/tmp/evil", b"x")), "leads out of its folder"),
    "climbing": (zipped(("set/../../evil", b"x")), "leads out of its folder"),
    "climbing as on Windows": (zipped(("set\\..\\..\\evil", b"x")), "leads out of its folder"),
    "a drive": (zipped(("C:/evil", b"x")), "leads out of its folder"),
    "escape sequence": (zipped(("set/\x1b[2J", b"x")), "is no name of a file"),
    "line break": (zipped(("set/a\nb", b"x")), "is no name of a file"),
    "long name": (zipped(("n" * 3000, b"x")), "is no name of a file"),
    "encrypted": (patched(patched(ONE, LOCAL, 6, b"\1"), CENTRAL, 8, b"\1"), "encrypted"),
    "unknown compression": (patched(patched(ONE, LOCAL, 8, b"\x63"), CENTRAL, 10, b"\x63"), "is truncated or damaged"),
    "size too small": (patched(ONE, CENTRAL, 24, b"\x05\0\0\0"), "is truncated or damaged"),
    "size too large": (patched(ONE, CENTRAL, 24, b"\xff\xff\xff\x7f"), "would unpack to 2147483647 bytes"),
    "place outside": (patched(ONE, CENTRAL, 42, b"\xf0\xff\xff\x7f"), "is truncated or damaged"),
    "no directory": (ONE[:-30], "is truncated or damaged"),
    "empty": (b"", "is truncated or damaged"),
    "text": (b"no archive" * 100, "is truncated or damaged"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("attack", [*ZIPS, "twice"])
def test_zips(attack: str, tmp_path: Path, target: Path) -> None:
    content, reason = ZIPS.get(attack) or (zipped(("set/a", b"x"), ("set/./a", b"y")), "holds set/a twice")
    archive = tmp_path / "evil.zip"
    archive.write_bytes(content)
    line = refusal(lambda: unpack(archive, target))
    assert reason in line
    assert str(archive) in line
    assert files_in(tmp_path) == {archive.name}


def test_entries_that_share_their_content(tmp_path: Path, target: Path) -> None:
    """A small zip of which every name stands for the same large file."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a" * 8, bytes(4 << 20))
    content = inner.getvalue()
    start = content.index(CENTRAL)
    directory, end = content[start : content.index(b"PK\x05\x06")], bytearray(content[content.index(b"PK\x05\x06") :])
    names = [f"{index:08d}".encode() for index in range(1000)]
    entries = b"".join(directory.replace(b"a" * 8, name) for name in names)
    end[8:12] = len(names).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    path = tmp_path / "evil.zip"
    path.write_bytes(content[:start] + entries + bytes(end))
    assert "would unpack to" in refusal(lambda: unpack(path, target))
    assert files_in(tmp_path) == {path.name}


@pytest.mark.parametrize("kind", ["data.zip", "data.tar", "data.tgz"])
def test_changed_bytes_are_noticed_or_do_no_harm(kind: str, tmp_path: Path, target: Path) -> None:
    rng = np.random.default_rng(0)
    archive = write_archive(tmp_path / kind, PLAIN)
    whole = archive.read_bytes()
    for _ in range(150):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            changed[place] = rng.integers(256)
        archive.write_bytes(changed)
        try:
            unpack(archive, target)
        except (ValueError, OSError) as error:
            line = str(error)
            assert kind in line or str(target) in line
    assert {path for path in files_in(tmp_path) if not path.startswith("data/root/")} == {kind}
