"""Masks of values and colours, and which belongs to which image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.converting.colours import published_colours, read_colours
from fastfcn.data.converting.pairing import is_labels
from fastfcn.data.dataset import IGNORE
from tests.data.converting.exports import converted, grid, image, mask, masks, masks_of

RED, BLACK, SKY = (255, 0, 0), (0, 0, 0), (70, 130, 180)


@pytest.mark.parametrize(
    ("inside", "outside", "options", "classes", "expected"),
    [
        (255, 0, {"classes": {0: "background", 255: "road"}}, ["background", "road"], (1, 0)),
        (255, 0, {}, ["background", "foreground"], (1, 0)),
        (255, 0, {"classes": ["sky", "road"]}, ["sky", "road"], (1, 0)),
        (1, 0, {}, ["background", "foreground"], (1, 0)),
        (2, 1, {"classes": ["sky", "road"], "labels_from": 1}, ["sky", "road"], (1, 0)),
        (2, 0, {"classes": ["sky", "road"], "labels_from": 1}, ["sky", "road"], (1, IGNORE)),
        (7, 3, {"classes": {3: "car", 7: "car", 9: "road"}}, ["car", "road"], (0, 0)),
        (7, 3, {"classes": {3: None, 7: "car", 9: "road"}}, ["car", "road"], (0, IGNORE)),
        (7, 3, {"classes": ["a", "b"], "unknown": "ignored"}, ["a", "b"], (IGNORE, IGNORE)),
        (7, 3, {"classes": {3: "a", 7: "void", 8: "b"}}, ["a", "b"], (IGNORE, 0)),
        (26_003, 7, {"classes": {7: "road", 26: "car"}, "instances": 1000}, ["road", "car"], (1, 0)),
        ((1, 1, 1), (0, 0, 0), {"classes": ["a", "b"]}, ["a", "b"], (1, 0)),
        (RED, BLACK, {"palette": {"sky": BLACK, "road": RED}}, ["sky", "road"], (1, 0)),
        ((250, 3, 0), BLACK, {"palette": {"sky": BLACK, "road": RED}, "tolerance": 5}, ["sky", "road"], (1, 0)),
        (SKY, BLACK, {"palette": {"sky": BLACK, "road": RED}, "unknown": "ignored"}, ["sky", "road"], (IGNORE, 0)),
        ((*RED, 255), (*SKY, 0), {"palette": {"sky": BLACK, "road": RED}}, ["sky", "road"], (1, 0)),
    ],
)
def test_what_masks_hold(
    inside: Any, outside: Any, options: dict, classes: list, expected: tuple, tmp_path: Path
) -> None:
    values = grid(inside=inside, outside=outside, dtype=np.uint16 if np.max(inside) > 255 else np.uint8)
    result = converted("masks", masks(tmp_path / "source", values), tmp_path / "out", **options)
    assert list(result.legend.classes) == classes
    np.testing.assert_array_equal(masks_of(tmp_path / "out")["0"], grid(inside=expected[0], outside=expected[1]))


def test_labels_are_merged_and_dropped(tmp_path: Path) -> None:
    source = masks(tmp_path / "source", grid(inside=2, outside=1))
    result = converted(
        "masks", source, tmp_path / "out", classes=["sky", "car", "lorry", "sea"], remap={"lorry": "car", "sea": None}
    )
    assert result.legend.classes == ("sky", "car")
    assert set(np.unique(masks_of(tmp_path / "out")["0"])) == {1}
    with pytest.raises(ValueError, match="remap names 'cars', which the source has not; did you mean 'car'"):
        converted("masks", source, tmp_path / "other", classes=["sky", "car"], remap={"cars": "car"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"need names for their classes; they hold the values 3, 7: name them with 'classes=\{3: NAME, 7: NAME\}'"),
        ({"classes": ["a", "b"]}, r"masks/0.png holds 2 values without a class: 3 \(72 pixels\), 7 \(24 pixels\)"),
        ({"palette": "voc"}, r"masks/0.png holds 2 colours that no class has: \(3, 3, 3\) 72 pixels, \(7, 7, 7\) 24"),
        ({"palette": "none.txt"}, "palette=none.txt is no file and none of ade20k, camvid, cityscapes, voc"),
        ({"images": "*.jpg", "masks": "masks/*/*.png"}, r"images=\*.jpg and masks=.* must hold the same wildcards"),
        ({"images": "photos/*.jpg", "masks": "masks/*.png"}, "finds no image in .*; there are images/0.jpg, images/1"),
        ({"images": "*.jpg"}, "images= and masks= belong together"),
        ({"labels_from": -1}, "labels_from must be between 0 and 65535"),
        ({"colours": 1}, "colours is not an option"),
    ],
)
def test_what_cannot_be_read_is_told(options: dict, message: str, tmp_path: Path, capsys) -> None:
    source = masks(tmp_path / "source", grid(inside=7, outside=3))
    with pytest.raises(ValueError, match=message):
        converted("masks", source, tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("images", "labels", "options"),
    [
        ("a/{}.JPG", "a/{}_mask.png", {}),
        ("{}.jpg", "mask_{}.PNG", {}),
        ("train/deep/{}.jpg", "trainannot/deep/{}.png", {}),
        ("leftImg8bit/x/{}_leftImg8bit.png", "gtFine/x/{}_gtFine_labelIds.png", {}),
        ("images/target_{}.jpg", "masks/target_{}.png", {}),
        ("one/{}.jpg", "two/{}-painted.png", {"images": "one/*.jpg", "masks": "two/*-painted.png"}),
        ("one/x/{}.jpg", "two/x/{}.png", {"images": "one/**/*.jpg", "masks": "two/**/*.png"}),
    ],
)
def test_masks_are_found(images: str, labels: str, options: dict, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for index in range(2):
        image(source / images.format(f"city_{index}"), seed=index)
        mask(source / labels.format(f"city_{index}"), grid(inside=index))
    converted("masks", source, tmp_path / "out", classes=["a", "b"], val=0, **options)
    found = masks_of(tmp_path / "out")
    assert [int(each.max()) for each in found.values()] == [0, 1]


def test_folders_of_instances_and_of_pictures_are_left_out(tmp_path: Path) -> None:
    source = masks(tmp_path / "source")
    for folder in ("SegmentationObject", "SegmentationClassVisualization"):
        image(source / folder / "0.jpg")
    converted("masks", source, tmp_path / "out", classes=["a", "b"])
    assert set(masks_of(tmp_path / "out")) == {"0", "1"}


def test_equal_names_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    for index, film in enumerate("ab"):
        image(tmp_path / f"source/images/{film}/0001.jpg")
        mask(tmp_path / f"source/masks/{film}/0001.png", grid(inside=index))
    converted("masks", tmp_path / "source", tmp_path / "out", classes=["x", "y"])
    found = masks_of(tmp_path / "out")
    assert {name: int(each.max()) for name, each in found.items()} == {"images_a_0001": 0, "images_b_0001": 1}


def test_palettes_that_differ_are_no_indices(tmp_path: Path, capsys) -> None:
    source = masks(tmp_path / "source")
    for index, colours in enumerate(([0, 0, 0, 255, 0, 0], [255, 0, 0, 0, 0, 0])):
        picture = Image.fromarray(grid(inside=1 - index, outside=index), "P")
        picture.putpalette(colours)
        picture.save(source / f"masks/{index}.png")
    with pytest.raises(
        ValueError, match=r"index 0 is the colour \(255, 0, 0\) in mask .*1.png and \(0, 0, 0\) in .*0.png"
    ):
        converted("masks", source, tmp_path / "out", classes=["a", "b"])
    converted("masks", source, tmp_path / "out", palette={"a": BLACK, "b": RED})
    for found in masks_of(tmp_path / "out").values():
        np.testing.assert_array_equal(found, grid())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64 128 64\tAnimal\n192 0 128\tArchway\n", {(64, 128, 64): "Animal", (192, 0, 128): "Archway"}),
        ("# label:color_rgb:parts:actions\nroad:1,2,3::\na b:4,5,6::\n", {(1, 2, 3): "road", (4, 5, 6): "a b"}),
        ("name,r,g,b\nroad,1,2,3\n", {(1, 2, 3): "road"}),
        ("#ff0080 road\nsky #000001\n", {(255, 0, 128): "road", (0, 0, 1): "sky"}),
    ],
)
def test_lists_of_colours(text: str, expected: dict, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert read_colours(tmp_path / "a.txt") == expected


def test_published_colours_are_distinct() -> None:
    assert [len(published_colours(name)) for name in ("camvid", "cityscapes", "voc")] == [32, 19, 22]


def test_folders_decide_what_is_a_mask() -> None:
    assert not is_labels("images/target_1.jpg")
    assert is_labels("a/Labels/1.jpg")
    assert is_labels("1_mask.png")
    assert not is_labels("train/1.png")
