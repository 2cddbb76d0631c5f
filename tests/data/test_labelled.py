"""Masks in which classes are missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from fastfcn.data.labelled import SCORING, TRAINING, require_labelled
from fastfcn.data.shapes import Shapes
from tests.data.test_folder import write_dataset

TRAIN = (
    "model=fcn_jpu",
    "model.backbone.name=tu-test_resnet",
    "model.upsampling.width=64",
    "logger=csv",
    "recipe.epochs=1",
    "recipe.batch_size=2",
    "recipe.workers=0",
)


def relabel(root: Path, split: str, values: dict[int, int]) -> None:
    table = np.arange(256, dtype=np.uint8)
    table[list(values)] = list(values.values())
    for path in (root / "masks" / split).iterdir():
        Image.fromarray(table[np.array(Image.open(path))]).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine", images=3)


@pytest.fixture
def binary(root: Path) -> Path:
    for split in ("train", "val"):
        relabel(root, split, {1: IGNORE, 2: IGNORE})
    (root / "classes.txt").write_text("background\nobject\n")
    return root


def test_a_set_of_0_and_255_is_refused_with_the_option_that_mends_it(binary: Path, fails, script, capfd) -> None:
    data = ("data=folder", f"data.root={binary}")
    for name, *more in (("prepare_data", "verify=true", "workers=1"), ("train", *TRAIN)):
        line = fails(name, *data, *more, f"hydra.run.dir={binary}/run")
        assert "the masks of split 'train' of data=folder hold no class but background (" in line
        assert "they hold the values 0, 255" in line
        assert "in the order background, object, with data.values=[0,255]" in line
    assert not (binary / "run/checkpoints").exists()
    script("prepare_data", *data, "verify=true", "workers=1", "data.values=[0,255]")
    assert "2 classes: every image and mask can be read" in capfd.readouterr().out
    mask = Folder(root=str(binary), values=[0, 255]).split("train")[0].mask
    np.testing.assert_array_equal(mask, np.array(Image.open(binary / "masks/train/0.png")) == 255)


def test_a_set_whose_every_pixel_is_ignored_is_refused(root: Path, fails) -> None:
    relabel(root, "val", {0: IGNORE, 1: IGNORE, 2: IGNORE})
    data = ("data=folder", f"data.root={root}")
    told = "the masks of split 'val' of data=folder hold no class at all (100.0 % of their pixels are ignored)"
    assert told in fails("prepare_data", *data, "verify=true", "workers=1")
    assert told in fails("train", *data, *TRAIN, f"hydra.run.dir={root}/run")
    relabel(root, "train", {0: IGNORE, 1: IGNORE, 2: IGNORE})
    with pytest.raises(ValueError, match="split 'train' of data=folder hold no class at all"):
        require_labelled(Folder(root=str(root)), "train", SCORING)


def test_evaluating_on_masks_without_a_class_is_refused(root: Path, fails, tmp_path: Path, trained: Path) -> None:
    relabel(root, "val", {0: IGNORE, 1: IGNORE, 2: IGNORE})
    names = ",".join(Shapes().classes)
    line = fails(
        "evaluate", f"checkpoint={trained}/checkpoints/last.ckpt", "data=folder", f"data.root={root}",
        f"data.classes=[{names}]", f"hydra.run.dir={tmp_path}/evaluated",
    )  # fmt: skip
    assert "the masks of split 'val' of data=folder hold no class at all" in line


def test_as_many_masks_are_read_as_two_classes_need(root: Path) -> None:
    relabel(root, "train", {1: 0, 2: 0})
    data = Folder(root=str(root))
    with pytest.raises(ValueError, match="hold no class but road"):
        require_labelled(data, "train", TRAINING)
    mask = np.array(Image.open(root / "masks/train/1.png"))
    mask[3, 3] = 2
    Image.fromarray(mask).save(root / "masks/train/1.png")
    require_labelled(data, "train", TRAINING)
    reads = []

    class Counting(Folder):
        def split(self, name: str):
            split = super().split(name)
            read = split.mask
            split.mask = lambda index: reads.append(index) or read(index)
            return split

    relabel(root, "val", {})
    require_labelled(Counting(root=str(root)), "val", TRAINING)
    assert len(reads) == 1, "an ordinary set costs the reading of one mask or two"


def test_pixels_and_images_are_counted_and_absent_classes_named(root: Path, script, capsys) -> None:
    for split in ("train", "val"):
        relabel(root, split, {0: 1})
        (root / "images" / split / "2.jpg").unlink()
        (root / "masks" / split / "2.png").unlink()
        Image.fromarray(np.full((20, 30), 1, np.uint8)).save(root / "masks" / split / "1.png")
    mask = np.full((20, 30), 1, np.uint8)
    mask[:2, :15], mask[2] = 2, IGNORE
    Image.fromarray(mask).save(root / "masks/train/0.png")
    (root / "classes.txt").write_text("[/b]\nsky\ntree\nsea\n")
    Image.fromarray(np.full((20, 30), 3, np.uint8)).save(root / "masks/val/1.png")
    script("prepare_data", "data=folder", f"data.root={root}", "verify=true", "workers=1")
    output = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.split("│")] for line in output.splitlines() if line.count("│") == 7]
    rows = {name: cells for _, _, name, *cells, _ in lines}
    assert rows["tree"][:2] == ["2.50 %", "1 of 2"]
    assert rows["sky"][:2] == ["95.00 %", "2 of 2"]
    assert rows["of no class"][:2] == ["2.50 %", "1 of 2"]
    assert rows["[/b]"] == ["0.00 %", "0 of 2"] * 2
    assert rows["sea"] == ["0.00 %", "0 of 2", "50.00 %", "1 of 2"]
    assert "warning: no mask holds [/b] (1 of 4 classes)" in output
    assert "warning: no mask of split 'train' holds sea, which cannot be learnt so" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": [0, 255]}, "data.values must hold 3 different values, one a class"),
        ({"values": [0, 1, 1]}, "data.values must hold 3 different values"),
        ({"values": [0, 7, 9], "ignore_index": 7}, "data.ignore_index=7 is the value of a class"),
    ],
)
def test_values_that_do_not_fit(root: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Folder(root=str(root), **options)


def test_values_of_classes_in_their_order(root: Path) -> None:
    relabel(root, "train", {0: 9, 2: 4})
    data = Folder(root=str(root), values=[9, 255, 4], ignore_index=1)
    raw = np.array(Image.open(root / "masks/train/0.png"))
    expected = np.select([raw == 9, raw == 255, raw == 4], [0, 1, 2], IGNORE)
    np.testing.assert_array_equal(data.split("train")[0].mask, expected)
    with pytest.raises(ValueError, match=r"holds the values 0, 2, but there are 3 classes \(9, 255, 4\) and 1 is ign"):
        data.split("val")[0]
