"""Archives that mean no good, or are not whole."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from fastfcn.data.preparing import space
from fastfcn.data.preparing.unpack import unpack
from tests.data.miniature import write_archive

FILES = {"set/images/a.jpg": b"a" * 5000, "set/images/b.jpg": b"b" * 7000, "set/list.txt": b"a\nb\n"}
KINDS = ("data.zip", "data.tar", "data.tgz")


def found(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_unpacks(kind: str, tmp_path: Path, target: Path) -> None:
    assert unpack(write_archive(tmp_path / kind, FILES), target) == 3
    assert found(target) == FILES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "set/../../evil.txt", "..\\evil.txt"])
def test_members_that_lead_out_are_refused_before_anything_is_written(
    name: str, kind: str, tmp_path: Path, target: Path
) -> None:
    archive = write_archive(tmp_path / kind, {**FILES, name: b"evil"})
    with pytest.raises(ValueError, match=r"evil.txt, which leads out of its folder; it is refused"):
        unpack(archive, target)
    assert found(target) == {}
    assert not (tmp_path / "evil.txt").exists()


def test_links_are_refused(tmp_path: Path, target: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(info)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc")
    for kind in ("data.tar", "data.zip"):
        with pytest.raises(ValueError, match="holds link, which is a link or no plain file; it is refused"):
            unpack(tmp_path / kind, target)
    assert list(target.iterdir()) == []


def test_a_hard_link_is_the_file_that_it_names(tmp_path: Path, target: Path) -> None:
    archive = tmp_path / "data.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("b.txt")
        link.type, link.linkname = tarfile.LNKTYPE, "a.txt"
        tar.addfile(link)
    unpack(archive, target)
    assert found(target) == {"a.txt": b"abc", "b.txt": b"abc"}
    with tarfile.open(archive, "w") as tar:
        link.linkname = "../../etc/passwd"
        tar.addfile(link)
    with pytest.raises(ValueError, match="is a link or no plain file"):
        unpack(archive, target)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_archive_leaves_no_part_of_a_file_and_the_whole_one_goes_on(
    kind: str, tmp_path: Path, target: Path
) -> None:
    archive = write_archive(tmp_path / kind, FILES)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ValueError, match=f"{kind} is truncated or damaged"):
        unpack(archive, target)
    assert all(FILES[name] == content for name, content in found(target).items())
    archive.write_bytes(whole)
    unpack(archive, target)
    assert found(target) == FILES


def test_a_changed_byte_is_noticed(tmp_path: Path, target: Path) -> None:
    archive = write_archive(tmp_path / "data.zip", FILES)
    content = bytearray(archive.read_bytes())
    content[200] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="is truncated or damaged"):
        unpack(archive, target)
    assert found(target) == {}


def test_a_bomb_is_refused(tmp_path: Path, target: Path) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file, file.open("zeros", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"would unpack to 83886080 bytes, more than the .* allowed"):
        unpack(archive, target)
    assert found(target) == {}


def test_files_that_are_there_are_kept(tmp_path: Path, target: Path) -> None:
    archive = write_archive(tmp_path / "data.zip", FILES)
    unpack(archive, target)
    before = (target / "set/list.txt").stat().st_ino
    (target / "set/images/a.jpg").write_bytes(b"short")
    unpack(archive, target)
    assert (target / "set/list.txt").stat().st_ino == before
    assert found(target) == FILES


def test_a_disk_without_room_is_told_first(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "RESERVE", 1 << 60)
    with pytest.raises(ValueError, match="GiB are to be written"):
        unpack(write_archive(tmp_path / "data.zip", FILES), target)
    assert found(target) == {}
