"""Files that other tools wrote, and pycocotools on the same annotations."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from fastfcn.data.converting.geometry import Polygons, Runs
from tests.data.converting.exports import converted, image, masks_of

FORMATS = next(
    (each for base in Path(__file__).parents if (each := base / "shared" / "formats").is_dir()), Path("shared")
)
PILLOW_11 = tuple(map(int, Image.__version__.split(".")[:2])) >= (11, 1)

needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="the files of other tools are not beside the project")


@needs_formats
@pytest.mark.parametrize("source", ["labelme_example", "labelme_example/data_annotated"])
def test_labelmes_example_is_what_its_converter_wrote(source: str, tmp_path: Path) -> None:
    converted("labelme", FORMATS / source, tmp_path / "out")
    classes = (FORMATS / "labelme_example/data_dataset_voc/class_names.txt").read_text().split("\n")[:21]
    assert (tmp_path / "out/classes.txt").read_text().split("\n")[:-1] == classes
    found = masks_of(tmp_path / "out")
    assert len(found) == 3
    for name, labels in found.items():
        written = np.array(Image.open(FORMATS / f"labelme_example/data_dataset_voc/SegmentationClass/{name}.png"))
        differing = np.argwhere(labels != written).tolist()
        # Pillow 11.1 and later fill one pixel less at a sharp corner; LabelMe's converter does so, too, on those
        assert differing == ([[290, 104]] if PILLOW_11 and name == "2011_000006" else [])


@needs_formats
@pytest.mark.parametrize(
    ("kind", "folder", "options", "images", "expected"),
    [
        ("coco", "coco_dataset/coco", {}, 2, {"b": {"b": 20}}),
        ("coco", "coco_dataset/coco_instances", {}, 2, {"b": {"b": 20}}),
        ("coco", "coco_dataset/coco_instances", {"boxes": "filled"}, 2, {"a": {"b": 3}}),
        ("coco", "coco_dataset/coco_stuff", {}, 2, {"a": {"a": 20}, "b": {"b": 20}}),
        ("coco", "coco_dataset/coco_roboflow", {}, 2, {"b": {"b": 20}}),
        ("coco", "coco_dataset/mmdet_coco", {}, 2, {"b": {"b": 20}}),
        ("coco", "coco_dataset/coco", {"annotations": "panoptic_*.json"}, 2, {"b": {"a": 20, "b": 20}}),
        ("cvat", "cvat_dataset/for_images/export_project", {}, 6, {"img0": {"label1": 8}}),
        ("cvat", "cvat_dataset/for_images/export_task", {}, 2, {"img0": {"label1": 8}}),
        ("cvat", "cvat_dataset/for_video", {}, 3, {"frame_000010": {"II": 7}}),
        ("labelme", "labelme_dataset", {}, 1, {"img1": {"license plate": 10, "window": 12}}),
        ("yolo", "yolo_dataset/labels", {"boxes": "filled"}, 2, {}),
        ("yolo", "yolo_dataset/annotations", {}, 1, {}),
        ("yolo", "yolo_dataset/strict", {}, 1, {}),
        ("voc", "voc_dataset/voc_dataset1", {}, 1, {"2007_000001": {"bicycle": 200}}),
        ("voc", "labelme_example/data_dataset_voc", {}, 3, {}),
        ("masks", "camvid_dataset", {"palette": "camvid"}, 4, {"0001TP_006690": {"Bicyclist": 4, "Road": 1}}),
        (
            "masks",
            "cityscapes_dataset/dataset",
            {"classes": "cityscapes"},
            4,
            {"defaultcity_000002_000045_leftImg8bit": {"person": 1}},
        ),
        (
            "masks",
            "cityscapes_dataset/train_dataset",
            {"classes": "cityscapes"},
            4,
            {"defaultcity_000002_000045_leftImg8bit": {"person": 1}},
        ),
    ],
)
def test_fixtures_of_datumaro(
    kind: str, folder: str, options: dict, images: int, expected: dict, tmp_path: Path
) -> None:
    result = converted(kind, FORMATS / folder, tmp_path / "out", **options)
    assert sum(map(len, result.pixels.values())) == images
    found = masks_of(tmp_path / "out")
    for name, classes in expected.items():
        counts = np.bincount(found[name].ravel(), minlength=256)
        held = {each: int(counts[index]) for index, each in enumerate(result.legend.classes)}
        assert {each: held[each] for each in classes} == classes


@needs_formats
@pytest.mark.parametrize(
    ("kind", "folder", "message"),
    [
        ("coco", "coco_dataset/coco_captions", "has no COCO JSON with images and segmentations"),
        ("voc", "voc_dataset/voc_dataset3", "has no folders SegmentationClass"),
        ("coco", "coco_dataset/coco_panoptic", "a.jpg is 10x5, its labels in .*a.png are of 5x5"),
    ],
)
def test_fixtures_without_masks_are_told_so(kind: str, folder: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        converted(kind, FORMATS / folder, tmp_path / "out")


def test_masks_of_coco_are_those_of_pycocotools(tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    height, width = 40, 55
    rings = [
        [rng.uniform(-3, 58, 2 * int(rng.integers(3, 9))).round(2).tolist() for _ in range(parts)]
        for parts in (1, 1, 2, 3)
    ]
    runs = coco_mask.encode(np.asfortranarray(rng.random((height, width)) < 0.3, np.uint8))
    bitmap = (rng.random((height, width)) < 0.5).T.ravel()
    edges = np.flatnonzero(np.diff(bitmap, prepend=0, append=1 - bitmap[-1]))
    counts = np.diff([0, *edges]).tolist()
    segmentations = [
        *rings,
        {"size": [height, width], "counts": runs["counts"].decode()},
        {"size": [height, width], "counts": counts},
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": height, "width": width}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": 1,
                "segmentation": each,
                "area": 1,
                "bbox": [0, 0, 1, 1],
                "iscrowd": int(isinstance(each, dict)),
            }
            for number, each in enumerate(segmentations, 1)
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    theirs = COCO(str(tmp_path / "a.json"))
    for number, each in enumerate(segmentations, 1):
        points = (
            None if isinstance(each, dict) else tuple(tuple(zip(ring[::2], ring[1::2], strict=True)) for ring in each)
        )
        region = Runs(each).region(height, width) if points is None else Polygons(points).region(height, width)
        np.testing.assert_array_equal(region, theirs.annToMask(theirs.anns[number]).astype(bool))
    image(tmp_path / "a.jpg", size=(width, height))
    converted("coco", tmp_path, tmp_path / "out")
    union = np.max([theirs.annToMask(each) for each in theirs.anns.values()], axis=0)
    np.testing.assert_array_equal(masks_of(tmp_path / "out")["a"], union)


def test_labelmes_shapes_are_drawn_as_its_converter_draws(tmp_path: Path) -> None:
    shapes = {
        "circle": [[30, 20], [36, 24.5]], "rectangle": [[44.5, 30.2], [8, 3]], "line": [[3, 4], [50, 30]],
        "linestrip": [[3, 4], [50, 30], [20, 35]], "point": [[20.5, 11.5]], "polygon": [[3, 3], [50, 12.7], [20, 36]],
    }  # fmt: skip
    for kind, points in shapes.items():
        image(tmp_path / f"{kind}.jpg", size=(56, 40))
        content = {
            "shapes": [{"label": "a", "shape_type": kind, "points": points}],
            "imagePath": f"..\\photos\\{kind}.jpg",
        }
        (tmp_path / f"{kind}.json").write_text(json.dumps(content), "utf-8-sig")
    converted("labelme", tmp_path, tmp_path / "out")
    found = masks_of(tmp_path / "out")
    for kind, points in shapes.items():
        expected = Image.new("L", (56, 40))
        draw, (_first, *_) = ImageDraw.Draw(expected), points
        if kind == "circle":
            draw.ellipse((30 - 7.5, 20 - 7.5, 30 + 7.5, 20 + 7.5), fill=1, outline=1)
        elif kind == "point":
            draw.ellipse((15.5, 6.5, 25.5, 16.5), fill=1, outline=1)
        elif kind == "rectangle":
            draw.rectangle((8, 3, 44.5, 30.2), fill=1, outline=1)
        elif kind == "polygon":
            draw.polygon([tuple(point) for point in points], fill=1, outline=1)
        else:
            draw.line([tuple(point) for point in points], fill=1, width=10)
        np.testing.assert_array_equal(found[kind], np.array(expected), kind)
