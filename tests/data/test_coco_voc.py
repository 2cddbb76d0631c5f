"""Which images of COCO show enough of VOC's objects."""

import json
from pathlib import Path

import numpy as np

from fastfcn.data.coco_voc import COCOVOC
from tests.data.miniature import HEIGHT, WIDTH
from tests.data.region_miniatures import compressed, rectangle


def test_an_image_needs_more_than_1000_pixels_of_objects(tmp_path: Path) -> None:
    thousand = rectangle(0, 0, 25, 40)
    one_more = np.array(thousand)
    one_more[30, 45] = True
    regions = {  # by image: a person is 1, a car 3, a stop sign (none of VOC's) 13
        "enough": [(1, one_more)],
        "too-few": [(1, thousand)],
        "together": [(1, thousand), (3, rectangle(30, 40, 31, 41))],
        "other": [(1, thousand), (13, rectangle(25, 0, 36, 48))],
        "hidden": [(1, thousand), (3, rectangle(0, 0, 25, 40))],  # the same pixels again
    }
    content = {
        "images": [
            {"id": index, "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH}
            for index, name in enumerate(regions)
        ],
        "annotations": [
            {"image_id": index, "category_id": category, "segmentation": compressed(region), "iscrowd": 0}
            for index, each in enumerate(regions.values())
            for category, region in each
        ],
    }
    (tmp_path / "annotations").mkdir()
    for split in ("train", "val"):
        (tmp_path / f"{split}2017").mkdir()
        for name in regions:
            (tmp_path / f"{split}2017" / f"{name}.jpg").touch()
        (tmp_path / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))
    data = COCOVOC(root=str(tmp_path))
    data.convert(workers=1)
    assert [pair.image.stem for pair in data.pairs("train")] == ["enough", "together"]
