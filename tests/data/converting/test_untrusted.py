"""Sources that are attacks: refused in a line, with nothing read or written outside and no memory taken."""

import json
from pathlib import Path

import pytest

from tests.data.converting.exports import coco, converted, cvat, image, labelme, masks_of, yolo
from tests.data.converting.test_every_kind import COCO, change

HUGE_RUN = {"size": [8, 12], "counts": [10**18]}
BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'


def write(path: str, text: str):
    return lambda source: (source / path).write_text(text)


@pytest.mark.parametrize(
    ("make", "kind", "damage", "message"),
    [
        (cvat, "cvat", write("annotations.xml", f"{BOMB}<annotations>&c;</annotations>"), "declares a document type"),
        (cvat, "cvat", lambda s: (s / "annotations.xml").write_text("<a>" * 1000), "nested more than 32 deep"),
        (coco, "coco", lambda s: (s / COCO).write_text("[" * 100_000), "no COCO annotation: .*recursion limit"),
        (
            coco,
            "coco",
            change(COCO, lambda c: c["annotations"][0].update(segmentation=HUGE_RUN)),
            "neither polygons nor run lengths",
        ),
        (
            coco,
            "coco",
            change(COCO, lambda c: c["images"][0].update(width=10**9)),
            r"images\[0\].width: input should be less than",
        ),
        (
            coco,
            "coco",
            change(COCO, lambda c: c["images"][0].update(width=90_000, height=90_000)),
            "are of 90000x90000",
        ),
        (
            coco,
            "coco",
            change(COCO, lambda c: c["images"][0].update(file_name="../../../etc/passwd")),
            "image '../../../etc/passwd' is not in",
        ),
        (
            coco,
            "coco",
            change(COCO, lambda c: c["annotations"][0].update(segmentation=[[0, 0, 11, 8] * 45_000])),
            "edges pass .* pixels; 500000 are allowed",
        ),
        (
            labelme,
            "labelme",
            change("0.json", lambda c: c["shapes"][0].update(shape_type="circle", points=[[1, 1], [1e9, 1e9]])),
            "is far out of the image",
        ),
        (labelme, "labelme", change("0.json", lambda c: c.update(imagePath="/etc/passwd.png", imageData="AAAA")), None),
        (
            yolo,
            "yolo",
            lambda s: (s / "data.yaml").write_text("names: &a [x]\nmore: *a\n"),
            "no YAML: it holds an alias",
        ),
    ],
)
def test_is_refused(make, kind: str, damage, message: str | None, tmp_path: Path, capsys) -> None:
    source = make(tmp_path / "source")
    damage(source)
    if message is None:  # the image beside the annotation is the one
        converted(kind, source, tmp_path / "out")
        return
    with pytest.raises(ValueError, match=message):
        converted(kind, source, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"source", "out"}


def test_a_mask_of_cvats_is_no_larger_than_its_runs(tmp_path: Path) -> None:
    source = cvat(tmp_path / "source")
    path = source / "annotations.xml"
    rle = 'left="1" top="2" width="90000" height="90000" rle="8100000000"'
    text = path.read_text().replace("<polygon", f"<mask {rle}", 1)
    path.write_text(text.replace("</annotations>", "</annotations>"))
    with pytest.raises(ValueError, match="a mask of 90000 x 90000 pixels"):
        converted("cvat", source, tmp_path / "out")


def test_names_of_other_systems_find_their_images(tmp_path: Path) -> None:
    source = coco(tmp_path / "source")
    names = iter(["C:\\data\\images\\0.JPG", "http://host/data/local-files/?d=images/1.jpg"])
    change(COCO, lambda c: [each.update(file_name=next(names), id=str(each["id"])) for each in c["images"]])(source)
    change(COCO, lambda c: [each.update(width=12.0, height="8", license=None) for each in c["images"]])(source)
    converted("coco", source, tmp_path / "out")
    assert set(masks_of(tmp_path / "out")) == {"0", "1"}


def test_links_are_followed_once(tmp_path: Path) -> None:
    source = labelme(tmp_path / "source")
    (source / "round").symlink_to(source, target_is_directory=True)
    converted("labelme", source, tmp_path / "out")
    assert set(masks_of(tmp_path / "out")) == {"0", "1"}


def test_nothing_of_another_source_is_mixed_in(tmp_path: Path) -> None:
    converted("labelme", labelme(tmp_path / "source"), tmp_path / "out")
    image(tmp_path / "out/images/train/strange.jpg")
    with pytest.raises(ValueError, match=r"holds 1 files not of this source: .*strange.jpg"):
        converted("labelme", tmp_path / "source", tmp_path / "out")


def test_json_that_is_something_else_is_left_out(tmp_path: Path) -> None:
    source = labelme(tmp_path / "source")
    (source / "package.json").write_text(json.dumps({"name": "x"}))
    result = converted("labelme", source, tmp_path / "out")
    assert any(each.startswith("left out: ") and "package.json" in each for each in result.warnings)
