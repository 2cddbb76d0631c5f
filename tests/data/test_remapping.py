"""Classes under other names, of any dataset."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.ade20k import ADE20K
from fastfcn.data.cityscapes import Cityscapes
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from fastfcn.data.pascal_context import PascalContext
from fastfcn.data.remapping import remapped
from fastfcn.data.shapes import CLASSES, Shapes
from tests.conftest import TINY_RUN
from tests.data.test_folder import write_dataset

PALETTE = ((1, 1, 1), (2, 2, 2), (3, 3, 3))


def test_names_are_merged_dropped_and_kept() -> None:
    new = remapped(("car", "sky", "bus"), PALETTE, {"bus": "car", "sky": "air"})
    assert (new.classes, new.palette, new.indices) == (("car", "air"), PALETTE[:2], (0, 1, 0))
    new = remapped(("car", "sky", "bus"), PALETTE, {"car": "bus"})
    assert (new.classes, new.palette) == (("bus", "sky"), (PALETTE[2], PALETTE[1])), "the colour of that name"
    assert remapped(("car", "sky", "bus"), PALETTE, {"car": None}).indices == (IGNORE, 0, 1)


@pytest.mark.parametrize(
    ("remap", "message"),
    [
        ({"cars": "bus"}, "data.remap names 'cars', which is no class; did you mean 'car'\\? There are car, sky, bus"),
        ({"car": "sky", "bus": None}, "data.remap leaves 1 classes \\(sky\\); two are needed"),
    ],
)
def test_what_cannot_be_meant(remap: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        remapped(("car", "sky", "bus"), PALETTE, remap)


def test_of_a_folder(tmp_path: Path) -> None:
    root = str(write_dataset(tmp_path / "mine"))
    before = Folder(root=root).split("train")[0].mask
    data = Folder(root=root, remap={"road": "ground", "tree": "ground", "sky": "air"})
    assert data.classes == ("ground", "air")
    after = data.split("train")[0].mask
    np.testing.assert_array_equal(after, np.array([0, 1, 0, *[IGNORE] * 253], np.uint8)[before])


def test_of_public_sets() -> None:
    data = ADE20K(remap={"building": "wall", "sky": None})
    assert (len(data.classes), len(data.palette)) == (148, 148)
    assert [data.labels.classes[value] for value in (0, 1, 2, 3, 4)] == [IGNORE, 0, 0, IGNORE, 1]
    assert len(ADE20K().classes) == 150, "the class itself is as it was"
    streets = Cityscapes(remap={"sidewalk": "road"})
    assert streets.labels.classes[7] == streets.labels.classes[8] == 0
    assert len(PascalContext(background=True, remap={"bag": "background"}).classes) == 59


def test_of_shapes() -> None:
    before, after = (Shapes(remap=remap).split("val")[3].mask for remap in (None, {"sea": "hedge", "wire": None}))
    classes = Shapes(remap={"sea": "hedge", "wire": None}).classes
    for index, name in enumerate(CLASSES):
        expected = IGNORE if name == "wire" else classes.index("hedge" if name == "sea" else name)
        assert set(after[before == index]) <= {expected}


@pytest.mark.slow  # trains for some seconds
def test_a_network_is_trained_on_them(script, tmp_path: Path) -> None:
    run = f"hydra.run.dir={tmp_path}/run"
    script("train", *TINY_RUN, "data.remap={sea: hedge, wire: null}", "recipe.epochs=1", run)
    script("evaluate", f"checkpoint={tmp_path}/run/checkpoints/last.ckpt", f"hydra.run.dir={tmp_path}/own")
    assert '"sea"' not in (tmp_path / "own/result.json").read_text()


def test_a_network_is_scored_on_other_classes(trained: Path, script, fails, tmp_path: Path) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/last.ckpt"
    other = (checkpoint, "data=shapes", "+data.val_images=2", "data.size=64", f"hydra.run.dir={tmp_path}/other")
    named = (*other, "data.remap={hedge: plant, wire: null}")
    assert "say which is which with class_map=" in fails("evaluate", *named)
    message = "class 'hedge' of the network has no class 'hedge' in the data"
    assert message in fails("evaluate", *named, "class_map={}")
    script("evaluate", *named, "class_map={hedge: plant, wire: null}")
    iou = json.loads((tmp_path / "other/result.json").read_text())["iou"]
    assert "plant" in iou
    assert not {"hedge", "wire"} & set(iou)
