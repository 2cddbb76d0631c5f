"""Downloads over a bad line."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.preparing import download as module
from fastfcn.data.preparing import space
from fastfcn.data.preparing.download import download
from tests.data.serving import Server, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAUSE", 0.001)
    monkeypatch.setattr(module, "BLOCK", 1000)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "data.zip").write_bytes(CONTENT)
    with serving(tmp_path / "web") as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "data.zip"


def get(server: Server, path: Path, sha1: str = SHA1) -> None:
    download(f"{server.url}/data.zip", path, sha1)


def test_a_connection_that_breaks_is_continued(server: Server, path: Path) -> None:
    server.cut_after = [100_000, 50_000]
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [("data.zip", None), ("data.zip", "bytes=100000-"), ("data.zip", "bytes=150000-")]
    assert list(path.parent.iterdir()) == [path]


def test_a_run_that_was_stopped_is_continued_by_the_next(
    server: Server, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut_after = [100_000]
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with pytest.raises(ValueError, match=r"100000 bytes are kept in .*data.zip.part and the same command goes on"):
        get(server, path)
    assert not path.exists()
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == ("data.zip", "bytes=100000-")


def test_a_server_that_cannot_continue_begins_again(server: Server, path: Path) -> None:
    server.cut_after, server.ranges = [100_000], False
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_server_that_can_neither_continue_nor_finish_is_given_up(server: Server, path: Path) -> None:
    server.cut_after, server.ranges = [100_000, 90_000, 100_000, 80_000, 100_000, 100_000], False
    with pytest.raises(ValueError, match="cannot be downloaded"):
        get(server, path)
    assert len(server.requests) == module.ATTEMPTS


def test_what_had_arrived_entirely_is_not_asked_for_again(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("data.zip.part").write_bytes(CONTENT)
    get(server, path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [CONTENT + b"more", b"other" * 1000])
def test_a_part_of_another_file_is_never_taken(left: bytes, server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("data.zip.part").write_bytes(left)
    if len(left) < len(CONTENT):
        with pytest.raises(ValueError, match="damaged or another version, and was removed"):
            get(server, path)
        assert list(path.parent.iterdir()) == []
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: Server, path: Path) -> None:
    with pytest.raises(ValueError, match=f"has the SHA-1 {SHA1}, expected {'0' * 40}: it is damaged"):
        get(server, path, "0" * 40)
    assert list(path.parent.iterdir()) == []


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server: Server, path: Path) -> None:
    server.statuses = [503, 503]
    get(server, path)
    assert path.read_bytes() == CONTENT
    before = len(server.requests)
    with pytest.raises(ValueError, match=r"cannot be downloaded \(status 404\); check the address, or give a mirror"):
        download(f"{server.url}/absent.zip", path.with_name("absent.zip"), SHA1)
    assert len(server.requests) == before + 1


def test_a_server_that_is_not_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)
    with pytest.raises(ValueError, match=r"127.0.0.1:9/data.zip cannot be downloaded \(ConnectionError"):
        download("http://127.0.0.1:9/data.zip", path, SHA1)


def test_a_disk_without_room_is_told_before_a_byte_is_written(
    server: Server, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "RESERVE", 1 << 60)
    with pytest.raises(ValueError, match=r"0.00 GiB are to be written to .*downloads, .* GiB are free"):
        get(server, path)
    assert list(path.parent.iterdir()) == []
