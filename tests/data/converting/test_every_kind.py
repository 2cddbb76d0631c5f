"""Every kind of source: what becomes of a sound one, and that faults of it are told in a line with file and place."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from tests.data.converting.exports import EXPORTS, converted, grid, image, mask, masks_of

KINDS = sorted(EXPORTS)
OPTIONS = {"masks": {"classes": ["background", "road"]}}
FLAT = "8,1,8,5,2,5"


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_becomes_a_dataset(kind: str, tmp_path: Path) -> None:
    source = EXPORTS[kind](tmp_path / "source")
    result = converted(kind, source, tmp_path / "out", **OPTIONS.get(kind, {}))
    data = Folder(root=str(tmp_path / "out"))
    assert data.classes[:1] == ("background",)
    assert {"train", "val"} == set(result.pixels)
    for split in ("train", "val"):
        assert len(data.split(split)) == 1
    example = data.split("train")[0]
    original = next(source.rglob(f"{example.name}.jpg"))
    np.testing.assert_array_equal(example.image, np.array(Image.open(original)))
    found = masks_of(tmp_path / "out")["0"]
    drawn = kind == "labelme"  # whose outlines belong to a shape
    expected = np.zeros_like(found)
    expected[1 : 5 + drawn, 2 : 8 + drawn] = found[2, 4]
    np.testing.assert_array_equal(found, expected)
    assert data.classes[found[2, 4]] == {"voc": "aeroplane"}.get(kind, "road")


@pytest.mark.parametrize("kind", KINDS)
def test_run_again_it_makes_nothing_twice_and_mends_what_changed(kind: str, tmp_path: Path) -> None:
    source = EXPORTS[kind](tmp_path / "source")
    out, options = tmp_path / "out", OPTIONS.get(kind, {})
    converted(kind, source, out, **options)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*/*")}
    damaged = next(out.glob("masks/*/0.png"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:60])
    converted(kind, source, out, **options)
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/*/*")}
    assert damaged.read_bytes() == whole
    assert {path for path in before if before[path] != after.get(path)} == {damaged}
    assert not (out / ".converting").exists()


def edit(path: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(source: Path) -> None:
        text = (source / path).read_text()
        assert old in text
        (source / path).write_text(text.replace(old, new, 1))

    return damage


def change(path: str, alter: Callable) -> Callable[[Path], None]:
    def damage(source: Path) -> None:
        content = json.loads((source / path).read_text())
        alter(content)
        (source / path).write_text(json.dumps(content))

    return damage


def both(*damages: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda source: [damage(source) for damage in damages] and None


COCO, LABELME = "annotations/instances.json", "0.json"
FAULTS: dict[str, list[tuple[Callable[[Path], object], str]]] = {
    "coco": [
        (
            change(COCO, lambda c: c["annotations"][0].update(segmentation=[[1, 1, 5, 5]])),
            r"annotations\[0\]: polygon of 2 points; it needs 3",
        ),
        (change(COCO, lambda c: c["categories"][0].pop("name")), r"categories\[0\]: category 7 has no name"),
        (lambda s: (s / "images/0.jpg").unlink(), r"images\[0\] \(0.jpg\): image '0.jpg' is not in"),
        (lambda s: image(s / "more/0.jpg"), r"images\[0\] \(0.jpg\): image '0.jpg' may be images/0.jpg, more/0.jpg"),
        (
            change(COCO, lambda c: c["images"][0].update(width=24)),
            r"0.jpg is 12x8, its labels in .*instances.json are of 24x8",
        ),
        (edit(COCO, "]", ""), r"instances.json is no COCO annotation: invalid JSON"),
        (
            change(COCO, lambda c: c["annotations"][0].update(category_id=9)),
            r"annotations\[0\]: category_id 9 is none of",
        ),
        (
            change(COCO, lambda c: c["annotations"][0].update(image_id=9)),
            r"annotations\[0\]: image_id 9 is none of the images",
        ),
        (
            change(COCO, lambda c: c["annotations"][0].update(segmentation={"size": [8, 12], "counts": [5, 5]})),
            r"annotations\[0\]: a segmentation is neither",
        ),
        (
            change(COCO, lambda c: c["annotations"][0].update(segmentation=[[1, 1, 5, 1, 1e300, 5]])),
            r"annotations\[0\]: the point \(1e\+300, 5\) is far out",
        ),
        (
            change(COCO, lambda c: c["images"][0].update(width="wide")),
            r"instances.json is no COCO annotation: images\[0\].width",
        ),
        (lambda s: (s / "images/0.jpg").write_bytes(b"\xff\xd8nothing"), r"images/0.jpg cannot be read as an image"),
        (lambda s: (s / "annotations/more.json").write_text((s / COCO).read_text()), r"0.jpg is labelled 2 times"),
        (
            change(COCO, lambda c: c["annotations"][0].update(segmentation="x")),
            r"annotations\[0\]: segmentation is neither polygons",
        ),
    ],
    "labelme": [
        (
            change(LABELME, lambda c: c["shapes"][0].update(points=[[1, 1], [5, 5]])),
            r"0.json: shapes\[0\] \(road\): polygon of 2 points",
        ),
        (change(LABELME, lambda c: c["shapes"][0].update(label="")), r"0.json: shapes\[0\] has no label"),
        (lambda s: (s / "0.jpg").unlink(), r"0.json: imagePath: image '0.jpg' is not in"),
        (lambda s: image(s / "0.jpg", size=(20, 8)), r"0.jpg is 20x8, its labels in .*0.json are of 12x8"),
        (edit(LABELME, "[[", "["), r"0.json is no file of LabelMe's: invalid JSON"),
        (
            change(LABELME, lambda c: c["shapes"][0].update(shape_type="spline")),
            r"shapes\[0\]: shape_type 'spline' is not known",
        ),
        (
            change(LABELME, lambda c: c["shapes"][0].update(points=[[1, "x"], [5, 5], [3, 3]])),
            r"0.json is no file of LabelMe's: shapes\[0\].points\[0\]\[1\]",
        ),
        (
            change(LABELME, lambda c: c["shapes"][0].update(shape_type="mask", mask="iVBORw0KGgo=")),
            r"shapes\[0\]: mask is no PNG that can be read",
        ),
        (
            change(LABELME, lambda c: c["shapes"][0].update(shape_type="circle", points=[[1, 1]])),
            r"circle of 1 point; it needs 2",
        ),
        (both(change("1.json", lambda c: c.update(imagePath="0.jpg"))), r"0.jpg is labelled 2 times"),
        (lambda s: (s / "0.jpg").write_bytes(b""), r"0.jpg cannot be read as an image: it is empty"),
    ],
    "cvat": [
        (
            edit("annotations.xml", "8.00,5.00;2.00,5.00", ""),
            r"image 0 \(0.jpg\): 1 \(polygon road\): polygon of 2 points",
        ),
        (edit("annotations.xml", "<name>road</name>", "<name></name>"), r"annotations.xml: label 1 has no name"),
        (lambda s: (s / "images/0.jpg").unlink(), r"image 0 \(0.jpg\): image '0.jpg' is not in"),
        (
            edit("annotations.xml", 'width="12"', 'width="24"'),
            r"0.jpg is 12x8, its labels in .*annotations.xml are of 24x8",
        ),
        (edit("annotations.xml", "</meta>", ""), r"annotations.xml is damaged: mismatched tag"),
        (
            edit("annotations.xml", 'label="road"', 'label="lorry"'),
            r"\(polygon lorry\): label 'lorry' is none of the classes",
        ),
        (edit("annotations.xml", "2.00,1.00;", "2.00;"), r"\(polygon road\): points are not pairs"),
        (edit("annotations.xml", 'z_order="0"', 'z_order="top"'), r"\(polygon road\): z_order is no number"),
        (edit("annotations.xml", "2.00,1.00;", "nan,1.00;"), r"\(polygon road\): the point \(nan, 1\) is far out"),
        (lambda s: image(s / "more/0.jpg"), r"image '0.jpg' may be images/0.jpg, more/0.jpg"),
    ],
    "yolo": [
        (
            edit("labels/train/0.txt", "0 0.166667", "5 0.166667"),
            r"labels/train/0.txt: line 1: class 5 is none of the 2",
        ),
        (edit("labels/train/0.txt", "0 0.166667", "0"), r"labels/train/0.txt: line 1 has 7 numbers after the class"),
        (edit("labels/train/0.txt", "0 0.166667", "0 left"), r"labels/train/0.txt: line 1 is no list of numbers"),
        (lambda s: (s / "images/train/0.jpg").unlink(), r"labels/train/0.txt is of no image"),
        (
            lambda s: (s / "labels/train/0.txt").write_text("0 0.1 0.1\n"),
            r"labels/train/0.txt: line 1: polygon of 1 point",
        ),
        (
            lambda s: (s / "labels/train/0.txt").write_text("0 12 30 40 30 40 60\n"),
            r"line 1: the point \(144, 240\) is far out",
        ),
        (lambda s: (s / "data.yaml").unlink(), r"has no data.yaml with names"),
        (edit("data.yaml", "0: road", "2: road"), r"data.yaml: names must be numbered from 0 on"),
        (edit("data.yaml", "0: road", "0: [road"), r"data.yaml is no YAML"),
        (lambda s: (s / "labels/train/0.txt").write_bytes(b"\xff\xfe\x00"), r"0.txt is not UTF-8 text"),
        (lambda s: image(s / "images/train/0.png"), r"0.(png|jpg) and .*0.(png|jpg) would have one mask"),
    ],
    "voc": [
        (lambda s: (s / "JPEGImages/0.jpg").unlink(), r"JPEGImages has no image 0"),
        (lambda s: (s / "ImageSets/Segmentation/train.txt").write_text("0\n1\n"), r"val.txt and train.txt both list 1"),
        (
            lambda s: mask(s / "SegmentationClass/0.png", grid(inside=(1, 2, 3), outside=(0, 0, 0))),
            r"SegmentationClass/0.png holds 1 colours that no class has: \(1, 2, 3\) 24 pixels",
        ),
        (
            lambda s: mask(s / "SegmentationClass/0.png", np.full((8, 12), 30, np.uint8)),
            r"SegmentationClass/0.png holds 1 values without a class: 30 \(96 pixels\)",
        ),
        (
            lambda s: image(s / "JPEGImages/0.jpg", size=(9, 9)),
            r"0.jpg is 9x9, its labels in .*SegmentationClass/0.png are of 12x8",
        ),
        (lambda s: (s / "SegmentationClass/0.png").write_bytes(b"x"), r"SegmentationClass/0.png cannot be read"),
        (
            both(
                lambda s: (s / "SegmentationClass/0.png").unlink(),
                lambda s: (s / "ImageSets/Segmentation/train.txt").write_text("0\n2\n"),
                lambda s: image(s / "JPEGImages/2.jpg"),
                lambda s: mask(s / "SegmentationClass/2.png", grid()),
            ),
            r"JPEGImages/0.jpg has no mask",
        ),
        (
            lambda s: (s / "labelmap.txt").write_text("road:1,2\nsky:3,4,5\nsea:six\n"),
            r"line 3 of .*labelmap.txt has no colour: sea:six",
        ),
        (
            lambda s: (s / "labelmap.txt").write_text("road:1,2,300::\n"),
            r"line 1 of .*labelmap.txt is not a name and three numbers",
        ),
        (
            lambda s: (s / "labelmap.txt").write_text("road:1,2,3::\nsky:1,2,3::\n"),
            r"line 2 of .*labelmap.txt gives 'sky' the colour of 'road'",
        ),
    ],
    "masks": [
        (
            lambda s: mask(s / "masks/0.png", grid(inside=9)),
            r"masks/0.png holds 1 values without a class: 9 \(24 pixels\)",
        ),
        (lambda s: (s / "masks/0.png").unlink(), r"images/0.jpg has no mask"),
        (lambda s: (s / "images/0.jpg").unlink(), r"masks/0.png is a mask without an image"),
        (lambda s: image(s / "images/0.jpg", size=(9, 9)), r"0.jpg is 9x9, its labels in .*masks/0.png are of 12x8"),
        (lambda s: image(s / "images/0.png"), r"masks/0.png is the mask of 2 images"),
        (
            lambda s: mask(s / "masks/0_mask.bmp", grid()) and mask(s / "masks/0.bmp", grid()),
            r"images/0.jpg has 2 masks",
        ),
        (lambda s: (s / "masks/0.png").write_bytes(b"\x89PNG"), r"masks/0.png cannot be read"),
        (
            lambda s: mask(s / "masks/0.png", grid(inside=(1, 2, 3), outside=(0, 0, 0))),
            r"masks/0.png holds colours, not class indices",
        ),
        (lambda s: (s / "images/0.jpg").write_bytes(b"\xff\xd8"), r"images/0.jpg cannot be read as an image"),
        (lambda s: (s / "masks").rename(s / "drawn"), r"has 4 images and 0 masks, by the names"),
    ],
}


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind in KINDS for number in range(len(FAULTS[kind]))])
def test_a_fault_is_told_with_file_and_place(kind: str, number: int, tmp_path: Path, capsys) -> None:
    source, (damage, message) = EXPORTS[kind](tmp_path / "source"), FAULTS[kind][number]
    damage(source)
    with pytest.raises((ValueError, OSError)) as error:
        converted(kind, source, tmp_path / "out", **OPTIONS.get(kind, {}))
    assert re.search(message, str(error.value) + capsys.readouterr().out), str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "classes.txt").exists(), "half a dataset is none"


def test_a_class_that_is_never_labelled_is_told(tmp_path: Path) -> None:
    source = EXPORTS["coco"](tmp_path / "source")
    change(COCO, lambda c: c["annotations"].pop())(source)
    result = converted("coco", source, tmp_path / "out")
    assert any(
        re.search(r"instances.json: categories\[1\]: class 'car' is never labelled", each) for each in result.warnings
    )


def test_pictures_with_faults_may_be_left_out(tmp_path: Path, capsys) -> None:
    source = EXPORTS["labelme"](tmp_path / "source")
    image(source / "0.jpg", size=(20, 8))
    result = converted("labelme", source, tmp_path / "out", skip_faults=True)
    assert "left out: " in capsys.readouterr().out
    assert set(masks_of(tmp_path / "out")) == {"1"}
    assert "there is no split 'val'" in result.warnings


def test_ignored_pixels_are_255(tmp_path: Path) -> None:
    source = EXPORTS["coco"](tmp_path / "source")
    converted(
        "coco", source, tmp_path / "out", background=None, remap={"car": None, "road": "way"}, classes=["way", "x"]
    )
    found = masks_of(tmp_path / "out")
    assert set(np.unique(found["0"])) == {0, IGNORE}
    assert set(np.unique(found["1"])) == {IGNORE}


@pytest.mark.parametrize(("boxes", "expected"), [("ignored", IGNORE), ("filled", 1)])
def test_an_object_of_a_box_alone(boxes: str, expected: int, tmp_path: Path) -> None:
    source = EXPORTS["coco"](tmp_path / "coco")
    change(COCO, lambda c: c["annotations"][0].update(segmentation=[]))(source)
    result = converted("coco", source, tmp_path / "a", boxes=boxes)
    np.testing.assert_array_equal(masks_of(tmp_path / "a")["0"], grid(inside=expected))
    assert any("1 objects have a box and no segmentation, first annotations[0]" in each for each in result.warnings)
    source = EXPORTS["yolo"](tmp_path / "yolo")
    (source / "labels/train/0.txt").write_text("0 0.416667 0.375 0.5 0.5\n")
    converted("yolo", source, tmp_path / "b", boxes=boxes)
    np.testing.assert_array_equal(masks_of(tmp_path / "b")["0"], grid(inside=expected))


SPELLINGS = {
    "voc": [lambda s: (s / "ImageSets/Segmentation/train.txt").write_text("JPEGImages/0.jpg 1 x\n")],
    "yolo": [lambda s: (s / "data.yaml").write_text('names: {"0": road, "1": car}\n')],
    "coco": [
        change(COCO, lambda c: c["annotations"][0]["segmentation"].insert(0, [])),
        change(COCO, lambda c: c["categories"][1].update(name=3)),
    ],
}


@pytest.mark.parametrize(
    ("kind", "number"), [(kind, at) for kind, all_ in SPELLINGS.items() for at in range(len(all_))]
)
def test_other_spellings_are_understood(kind: str, number: int, tmp_path: Path) -> None:
    source = EXPORTS[kind](tmp_path / "source")
    SPELLINGS[kind][number](source)
    converted(kind, source, tmp_path / "out")
    np.testing.assert_array_equal(masks_of(tmp_path / "out")["0"], grid())
