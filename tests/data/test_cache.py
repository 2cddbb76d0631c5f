"""Decoded examples are kept once for all, read back as they were, and never trusted when they are old or broken."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fastfcn.data import cache as caching
from fastfcn.data import shared_memory
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.cache import CachedSplit, open_cache, read_example
from fastfcn.data.dataset import Example, SegmentationData, Split
from fastfcn.data.folder import Folder
from fastfcn.data.loading import SegmentationLoaders
from fastfcn.data.shapes import Shapes
from tests.data.test_folder import write_dataset
from tests.training.test_repeatability import losses


@pytest.fixture
def data(tmp_path: Path) -> Folder:
    return Folder(root=str(write_dataset(tmp_path / "mine", images=4)))


class Counted(Split):
    """Notes what is decoded."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.decoded: list[int] = []

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> Example:
        self.decoded.append(index)
        return self.split[index]

    def files(self, index: int) -> tuple[Path, ...]:
        return self.split.files(index)


def assert_same(ours: Example, reference: Example) -> None:
    np.testing.assert_array_equal(ours.image, reference.image)
    np.testing.assert_array_equal(ours.mask, reference.mask)
    assert ours.name == reference.name
    assert ours.image.flags.writeable, "PyTorch warns of others"


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_example_is_decoded_once(data: Folder, tmp_path: Path) -> None:
    split = Counted(data.split("train"))
    for _ in range(3):
        cached = CachedSplit(split, tmp_path / "cache")  # as another process or a later run would
        for index in range(4):
            assert_same(cached[index], split.split[index])
    assert split.decoded == [0, 1, 2, 3]
    assert len(kept(tmp_path / "cache")) == 4


def test_a_changed_file_is_decoded_anew(data: Folder, tmp_path: Path) -> None:
    split = Counted(data.split("train"))
    cached = CachedSplit(split, tmp_path / "cache")
    before = cached[0]
    mask = split.files(0)[1]
    os.utime(mask, ns=(0, 0))
    assert_same(cached[0], before)
    assert split.decoded == [0, 0]


def test_a_broken_file_is_decoded_anew(data: Folder, tmp_path: Path) -> None:
    split = Counted(data.split("train"))
    cached = CachedSplit(split, tmp_path / "cache")
    whole = cached[0]
    (path,) = kept(tmp_path / "cache")
    content = path.read_bytes()
    for length in (0, 10, 16, len(content) // 2):
        path.write_bytes(content[:length])
        assert read_example(path) is None
        assert_same(cached[0], whole)
        assert path.read_bytes() == content
    assert split.decoded == [0] * 5


def test_training_goes_on_when_the_disk_is_full(
    data: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching, "write_atomically", full)
    cached = CachedSplit(data.split("train"), tmp_path)
    with caplog.at_level(logging.WARNING):
        for index in range(4):
            assert_same(cached[index], cached.split[index])
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_datasets_that_differ_do_not_share_examples(data: Folder, tmp_path: Path) -> None:
    options = {"root": str(data.root), "ignore_index": 255}
    folder = open_cache(str(tmp_path), data, options)
    assert folder == open_cache(str(tmp_path), data, dict(reversed(options.items())))
    assert folder != open_cache(str(tmp_path), data, {**options, "ignore_index": 2})


def test_too_little_room_is_refused(data: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = caching.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda _: usage._replace(free=8 * 20 * 30 * 4 - 1))
    with pytest.raises(ValueError, match=r"recipe.cache=.* needs about 0.00 GiB .* give a folder on a larger disk"):
        open_cache(str(tmp_path / "cache"), data, {})
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda _: usage._replace(free=8 * 20 * 30 * 4))
    cached = CachedSplit(data.split("train"), open_cache(str(tmp_path / "cache"), data, {}))
    for index in range(4):
        cached[index]
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda _: usage._replace(free=4 * 20 * 30 * 4))
    open_cache(str(tmp_path / "cache"), data, {})  # what is there already needs no room


def test_generated_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe.cache=ram is for datasets of files, and data=shapes has none"):
        open_cache("ram", Shapes(), {})


def batches(data: SegmentationData, folder: Path | None, workers: int) -> list[torch.Tensor]:
    augmentation = Augmentation(crop_size=24, base_size=24, scale=(0.5, 2.0), flip=0.5, blur=0.5)
    loaders = SegmentationLoaders(data, augmentation, batch_size=2, workers=workers, seed=0, cache=folder)
    loader = loaders.train_dataloader()
    images = []
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        images.extend(batch.image for batch in loader)
    return images + [batch.image for batch in loaders.val_dataloader()]


def test_batches_are_the_same_with_a_cache_and_with_workers(data: Folder, tmp_path: Path) -> None:
    reference = batches(data, None, 0)
    assert len(reference) == 6
    for workers in (0, 2):
        for _ in range(2):
            ours = batches(data, tmp_path / "cache", workers)
            assert all(torch.equal(*pair) for pair in zip(ours, reference, strict=True))


@pytest.fixture
def shm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(shared_memory, "SHARED_MEMORY", folder)
    return folder


# a process that keeps an example in memory, says so, and waits to be ended
USER = """
import sys
from pathlib import Path
from fastfcn.data import shared_memory
shared_memory.SHARED_MEMORY = Path({folder!r})
(shared_memory.memory_folder({name!r}) / "example").touch()
print("ready", flush=True)
sys.stdin.read()
"""


def start_user(folder: Path, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(shared_memory.__file__).parents[2])}
    program = USER.format(folder=str(folder), name=name)
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_memory_is_freed_by_the_last_process_that_used_it(shm: Path) -> None:
    first = start_user(shm, "a")
    folder = shared_memory.memory_folder("a")
    assert (folder / "example").exists()
    first.communicate("")
    assert first.returncode == 0
    assert (folder / "example").exists()
    shared_memory.release(folder)
    assert not folder.exists()
    shared_memory.release(folder)  # once is enough


def test_memory_of_a_killed_process_is_freed_by_the_next(shm: Path) -> None:
    killed, alive = start_user(shm, "killed"), start_user(shm, "alive")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (shm / f"fastfcn-{os.getuid()}" / "killed").exists()
    folder = shared_memory.memory_folder("mine")
    try:
        assert not (folder.parent / "killed").exists()
        assert (folder.parent / "alive").exists()
    finally:
        shared_memory.release(folder)
        alive.communicate("")
    deadline = time.monotonic() + 5
    while (folder.parent / "alive").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(path.suffix for path in folder.parent.iterdir()) == [".lock"] * 3


def test_ram_is_refused_where_there_is_none(data: Folder, shm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "memory_available", lambda: 1000)
    with pytest.raises(ValueError, match=r"recipe.cache=ram needs about 0.00 GiB for the images .* of data=folder"):
        open_cache("ram", data, {})
    shm.rename(shm.with_name("gone"))
    with pytest.raises(ValueError, match=r"there is no .*shm here to hold recipe.cache=ram; give a folder on a disk"):
        shared_memory.memory_folder("a")


def test_a_run_uses_the_cache(data: Folder, tmp_path: Path, script) -> None:
    options = (
        "data=folder", f"data.root={data.root}", "model.backbone.name=tu-test_resnet", "model.upsampling.width=16",
        "recipe.workers=1", "recipe.epochs=1", "recipe.batch_size=2", "augmentation.crop_size=64",
        "augmentation.base_size=64", "logger=csv", "trainer.enable_progress_bar=false",
    )  # fmt: skip
    runs = []
    for cache in ("null", f"{tmp_path}/cache", f"{tmp_path}/cache"):
        run_dir = tmp_path / f"run{len(runs)}"
        script("train", *options, "trainer.log_every_n_steps=1", f"recipe.cache={cache}", f"hydra.run.dir={run_dir}")
        runs.append(losses(run_dir))
    assert len(runs[0]) == 2
    assert runs[0] == runs[1] == runs[2]
    assert len(kept(tmp_path / "cache")) == 8
