"""Preparing as a whole: what goes wrong, and that the next run mends it."""

import errno
import io
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.ade20k import ADE20K
from fastfcn.data.preparing import download as download_module
from fastfcn.data.preparing import unpack
from fastfcn.data.preparing.alone import LOCK
from fastfcn.data.preparing.prepare_data import prepare
from tests.data.miniature import Miniature, png, write_archive
from tests.data.miniatures import ade20k
from tests.data.serving import Server, serving
from tests.data.test_folder import write_dataset
from tests.data.test_public import require_masks


@pytest.fixture
def miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    monkeypatch.setattr(download_module, "PAUSE", 0.001)
    monkeypatch.setattr(download_module, "BLOCK", 1000)
    (tmp_path / "web").mkdir()
    return ade20k(tmp_path / "web").publish(monkeypatch)


@pytest.fixture
def server(miniature: Miniature):
    with serving(miniature.folder) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> ADE20K:
    return ADE20K(root=str(tmp_path / "data"))


def test_a_download_that_breaks_off_goes_on_with_the_next_run(
    data: ADE20K, server: Server, miniature: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "ATTEMPTS", 1)
    server.cut_after = [5000]
    with pytest.raises(ValueError, match="5000 bytes are kept"):
        prepare(data, server.url, 1)
    with pytest.raises(FileNotFoundError, match=r"data=ade20k lacks .*; prepare it: python src/prepare_data.py"):
        data.split("train")
    prepare(data, server.url, 1)
    assert server.requests[1] == ("ADEChallengeData2016.zip", "bytes=5000-")
    require_masks(data, miniature)


def test_a_wrong_checksum_is_told_and_nothing_of_it_stays(
    data: ADE20K, server: Server, miniature: Miniature, fails, script
) -> None:
    archive = miniature.folder / "ADEChallengeData2016.zip"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1])
    options = ("data=ade20k", f"data.root={data.root}", f"url={server.url}", "workers=1")
    assert "it is damaged or another version, and was removed" in fails("prepare_data", *options)
    assert [path for path in data.root.rglob("*") if path.is_file() and path.name != LOCK] == []
    archive.write_bytes(whole)
    script("prepare_data", *options)
    require_masks(data, miniature)


def test_an_archive_of_the_users_own_that_is_truncated_is_named_and_kept(
    data: ADE20K, server: Server, miniature: Miniature
) -> None:
    data.root.mkdir()
    own = data.root / "ADEChallengeData2016.zip"
    own.write_bytes((miniature.folder / own.name).read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"ADEChallengeData2016.zip has the SHA-1 .*: it is incomplete or another"):
        prepare(data, server.url, 1)
    own.unlink()
    prepare(data, server.url, 1)
    require_masks(data, miniature)


def test_an_archive_of_something_else_is_refused(
    data: ADE20K, miniature: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_archive(miniature.folder / "release_test.zip", {"other/a.txt": b"a"})
    miniature.publish(monkeypatch)
    with serving(miniature.folder) as server:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"release_test.zip was unpacked but has no release_test/testing"):
                prepare(data, server.url, 1)


def test_a_full_disk_ends_with_one_line_and_the_next_run_goes_on(
    data: ADE20K, server: Server, miniature: Miniature, fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def copy(source: io.BufferedReader, target: io.BufferedWriter, length: int) -> None:
        written.append(target.name)
        target.write(source.read(7))
        if len(written) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        target.write(source.read())

    options = ("data=ade20k", f"data.root={data.root}", f"url={server.url}", "workers=1")
    with monkeypatch.context() as patch:
        patch.setattr(unpack.shutil, "copyfileobj", copy)
        line = fails("prepare_data", *options)
    assert "no space left on the disk to write " in line
    assert f"{data.root}/" in line
    assert "what was finished is kept: free some, and run the same command again" in line
    unpacked = [path for path in data.root.rglob("*.*") if path.is_file() and path.suffix in (".jpg", ".png", ".txt")]
    assert len(unpacked) == 5
    with pytest.raises(FileNotFoundError, match=r"ADEChallengeData2016.zip was not unpacked to the end; prepare it"):
        data.split("train")
    prepare(data, server.url, 1)
    assert len(server.requests) == 2, "nothing is downloaded twice"
    require_masks(data, miniature)


def test_a_full_disk_while_downloading(
    data: ADE20K, server: Server, miniature: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(self: Path, mode: str = "r", *args, **options):
        if self.suffix == ".part" and "b" in mode and mode != "rb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(OSError, match=r"no space left on the disk to write .*.zip.part; what was"):
            prepare(data, server.url, 1)
    prepare(data, server.url, 1)
    require_masks(data, miniature)


def test_a_run_killed_while_unpacking_is_not_trusted(
    data: ADE20K, server: Server, miniature: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = unpack._write
    written = []

    def killed(source, path: Path, size: int) -> None:
        written.append(path)
        if len(written) > 5:
            raise KeyboardInterrupt
        write(source, path, size)

    with monkeypatch.context() as patch:
        patch.setattr(unpack, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(data, server.url, 1)
    assert (data.root / "ADEChallengeData2016" / "images").is_dir(), "the contents seem to be there"
    prepare(data, server.url, 1)
    require_masks(data, miniature)


def test_two_processes_at_once(
    data: ADE20K, server: Server, miniature: Miniature, capfd: pytest.CaptureFixture[str]
) -> None:
    server.pause = 0.3
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=prepare, args=(data, server.url, 1)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(name for name, _ in server.requests) == ["ADEChallengeData2016.zip", "release_test.zip"]
    assert f"another process prepares {data.root}; waiting for it to end" in capfd.readouterr().out
    require_masks(data, miniature)


def test_counts_that_are_not_the_published_ones(
    data: ADE20K, server: Server, fails, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ADE20K, "sizes", {"train": 5, "val": 2, "test": 9})
    line = fails("prepare_data", "data=ade20k", f"data.root={data.root}", f"url={server.url}", "workers=1")
    assert "is not complete: 2 faults, listed above, first: split 'train' has 4 images, 5 were published" in line


def test_verifying_reports_every_fault(
    data: ADE20K, server: Server, miniature: Miniature, script, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(data, server.url, 1)
    images, masks = (data.root / "ADEChallengeData2016" / kind for kind in ("images", "annotations"))
    train = [images / "training" / f"ADE_train_a{index}.jpg" for index in (1, 2, 3, 4)]
    train[0].write_bytes(train[0].read_bytes()[:300])
    (masks / "training" / "ADE_train_a1.png").write_bytes(png(np.full((36, 48), 151, np.uint8)))
    (masks / "training" / "ADE_train_a2.png").unlink()
    (masks / "training" / "ADE_train_a3.png").write_bytes(png(np.zeros((48, 36), np.uint8)))
    Image.open(train[3]).save(train[3].with_suffix(".png"))
    (masks / "validation" / "ADE_val_b1.png").write_bytes(b"")
    values = np.full((36, 48), 3, np.uint8)
    values[0, :2] = 200, 222
    (masks / "validation" / "ADE_val_b2.png").write_bytes(png(values))
    (data.root / "release_test" / "testing" / "ADE_test_0.jpg").unlink()
    with pytest.raises(SystemExit) as exit_info:
        script("prepare_data", "data=ade20k", f"data.root={data.root}", "verify=true", "workers=1")
    output = capfd.readouterr()
    assert exit_info.value.code == 1
    assert "error: 9 faults in data=ade20k, listed above" in output.err
    assert "no mask holds" not in output.out, "damaged masks may hold what is missing"
    for fault in (
        "split 'train' has 5 images, 4 were published",
        "split 'test' has 2 images, 3 were published",
        f"no mask {masks}/training/ADE_train_a2.png",
        f"{train[3].with_suffix('.png')} has the same name as ADE_train_a4.jpg, in split 'train'",
        f"{train[0]} cannot be read as an image",
        "ADE_train_a1.png holds the value 151, but data=ade20k has 0 to 150; remove it and run python src/prepare_data",
        "ADE_train_a3.png is 36x48 but its image ADE_train_a3.jpg is 48x36",
        f"mask {masks}/validation/ADE_val_b1.png cannot be read",
        "ADE_val_b2.png holds the values 200, 222, but data=ade20k has 0 to 150",
    ):
        assert fault in output.out, fault
    for path in (data.root / "ADEChallengeData2016").rglob("*.*"):
        path.unlink()
    prepare(data, server.url, 1)
    assert len(server.requests) == 2, "what was removed comes from the archive that was kept"
    for path in (data.root / "downloads").iterdir():
        path.unlink()
    lost = masks / "training" / "ADE_train_a1.png"
    lost.unlink()
    with pytest.raises(ValueError, match=f"is not complete: 1 faults, listed above, first: no mask {lost}"):
        prepare(data, server.url, 1)


def test_verifying_a_folder_of_ones_own(tmp_path: Path, script, fails, capfd) -> None:
    root = write_dataset(tmp_path / "mine")
    options = ("data=folder", f"data.root={root}", "workers=1")
    script("prepare_data", *options, "verify=true")
    assert "folder: 2 train, 2 val images, 3 classes: every image and mask" in capfd.readouterr().out
    (root / "masks" / "val" / "1.png").unlink()
    assert "1 faults in data=folder" in fails("prepare_data", *options, "verify=true")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "classes.txt").write_text("a\nb\n")
    line = fails("prepare_data", "data=folder", f"data.root={tmp_path}/empty", "verify=true")
    assert "2 faults in data=folder" in line
    assert "is a folder of your own, with nothing to download; verify=true checks it" in fails("prepare_data", *options)
    assert "is generated: there are no files" in fails("prepare_data", "data=shapes")
    assert "no web address" in fails("prepare_data", "data=ade20k", f"data.root={tmp_path}/a", "url=/mnt/archives")
    assert "workers must be 1 or more" in fails("prepare_data", "data=ade20k", f"data.root={tmp_path}/a", "workers=0")
    assert "data.root must be given" in fails("prepare_data", "data=ade20k", "verify=true")
    assert "/nowhere is no folder" in fails("prepare_data", "data=ade20k", "data.root=/nowhere", "verify=true")
    assert "You must specify 'data'" in fails("prepare_data")
