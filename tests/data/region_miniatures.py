"""PASCAL Context and COCO in miniature: masks as run lengths and polygons."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

from fastfcn.data import pascal_context
from fastfcn.data.coco_voc import COCOVOC
from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.pascal_context import CATEGORY_IDS, CLASSES, PascalContext
from tests.data.miniature import HEIGHT, TRAIN, VAL, WIDTH, Miniature, chosen, jpeg, lines


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[top:bottom, left:right] = True
    return region


def compressed(region: np.ndarray) -> dict[str, object]:
    coded = coco.encode(np.asfortranarray(region.astype(np.uint8)))
    return {"size": [HEIGHT, WIDTH], "counts": coded["counts"].decode()}


def uncompressed(region: np.ndarray) -> dict[str, object]:
    """Runs down the columns, beginning with one of zeros."""
    flat = region.flatten(order="F").astype(int)
    ends = [0, *(int(place) + 1 for place in np.flatnonzero(np.diff(flat))), flat.size]
    runs = [end - start for start, end in pairwise(ends)]
    return {"size": [HEIGHT, WIDTH], "counts": [0, *runs] if flat[0] else runs}


# top, left, bottom, right, category id, form: the later covers the earlier, 1 and 999 are no class
CONTEXT_REGIONS = [
    (0, 0, 30, 40, 44, compressed),  # building
    (0, 0, 10, 20, 360, uncompressed),  # sky, from the first pixel on
    (5, 5, 25, 25, 284, compressed),  # person over both
    (8, 8, 12, 12, 999, uncompressed),  # unknown over the person
    (20, 20, 36, 48, 2, uncompressed),  # aeroplane, the first class
    (30, 0, 36, 10, 458, compressed),  # wood, the last
    (33, 3, 36, 6, 1, compressed),  # a category that is none of the 59
]


def context_masks() -> dict[str, UInt8]:
    """Masks of 0 and 1 to 59, each image shifting the category of the first region."""
    masks = {}
    for seed, name in enumerate([*TRAIN, *VAL]):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for top, left, bottom, right, category, _ in context_regions(seed):
            mask[top:bottom, left:right] = CATEGORY_IDS.index(category) + 1 if category in CATEGORY_IDS else 0
        masks[name] = mask
    return masks


def context_regions(seed: int) -> list[tuple]:
    first = CONTEXT_REGIONS[0]
    return [(*first[:4], CATEGORY_IDS[20 + seed], first[5]), *CONTEXT_REGIONS[1:]]


def context_devkit() -> dict[str, bytes]:
    root = str(pascal_context.FOLDER)
    images = {f"{root}/JPEGImages/{name}.jpg": jpeg(seed) for seed, name in enumerate([*TRAIN, *VAL])}
    sets = {f"{root}/ImageSets/Main/train.txt": lines(*TRAIN), f"{root}/ImageSets/Main/val.txt": lines(*VAL)}
    return {**images, **sets}


def context_json() -> bytes:
    content: dict[str, list] = {"images": [], "annos_segmentation": []}
    content["categories"] = [{"id": key, "name": name} for key, name in zip(CATEGORY_IDS, CLASSES, strict=True)]
    for seed, name in enumerate([*TRAIN, *VAL]):
        content["images"].append(
            {
                "image_id": f"{seed:04d}", "file_name": f"{name}.jpg", "phase": "train" if name in TRAIN else "val",
                "height": HEIGHT, "width": WIDTH,
            }
        )  # fmt: skip
    for number in range(len(CONTEXT_REGIONS)):  # images interleaved, each image's own order kept
        for seed in range(len(content["images"])):
            *box, category, form = context_regions(seed)[number]
            content["annos_segmentation"].append(
                {"image_id": f"{seed:04d}", "category_id": category, "segmentation": form(rectangle(*box))}
            )
    return json.dumps(content).encode()


def _context(folder: Path, *, background: bool) -> Miniature:
    masks = context_masks()
    if not background:
        masks = {
            name: np.where(mask == 0, IGNORE, mask.astype(int) - 1).astype(np.uint8) for name, mask in masks.items()
        }
    splits = {"train": chosen(masks, *TRAIN), "val": chosen(masks, *VAL)}
    name = pascal_context.MERGED.name
    archives = {"VOCtrainval_03-May-2010.tar": context_devkit(), name: {name: context_json()}}
    return Miniature(PascalContext, folder, splits, {"train": 4, "val": 2}, archives).write()


def context59(folder: Path) -> Miniature:
    return _context(folder, background=False)


def context60(folder: Path) -> Miniature:
    return _context(folder, background=True)


def coco_voc(folder: Path) -> Miniature:
    """The last but one image of a split shows too little, the last nothing; a person (15) hides a later car (7)."""
    archives: dict[str, dict[str, bytes]] = {"annotations_trainval2017.zip": {}}
    masks: dict[str, dict[str, UInt8]] = {}
    for split, wide in {"train": (40, 44, 48, 46), "val": (45, 47)}.items():
        content: dict[str, list] = {"images": [], "annotations": []}
        for index, right in enumerate([*wide, 10, None]):
            name = f"{split}{index}"
            archives.setdefault(f"{split}2017.zip", {})[f"{split}2017/{name}.jpg"] = jpeg(index)
            content["images"].append({"id": index, "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH})
            regions = _coco_regions(right) if right is not None else [(13, rectangle(0, 0, 36, 48), compressed)]
            for category, region, form in regions:
                content["annotations"].append(
                    {"image_id": index, "category_id": category, "segmentation": form(region), "iscrowd": 0}
                )
            if right is not None and right > 10:
                expected = np.zeros((HEIGHT, WIDTH), np.uint8)
                expected[0:30, 0:right] = 7
                expected[4:20, 4:20] = 15
                masks.setdefault(split, {})[name] = expected
        archives["annotations_trainval2017.zip"][f"annotations/instances_{split}2017.json"] = json.dumps(
            content
        ).encode()
    return Miniature(COCOVOC, folder, masks, {"train": None, "val": None}, archives).write()


def _coco_regions(right: int) -> list[tuple[int, np.ndarray, Callable]]:
    bottom = 30 if right > 10 else 12
    return [
        (1, rectangle(4, 4, 20, 20) if right > 10 else rectangle(0, 0, 1, 1), polygons),
        (3, rectangle(0, 0, bottom, right), uncompressed),
        (13, rectangle(0, 0, 36, 48), compressed),  # a stop sign: none of VOC's
    ]


def polygons(region: np.ndarray) -> list[list[int]]:
    """The region's left and right half, as two polygons."""
    rows, columns = np.nonzero(region)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    middle = (left + right) // 2
    halves = [(left, middle), (middle, right)]
    return [[int(v) for v in (a, top, b, top, b, bottom, a, bottom)] for a, b in halves if b > a]
