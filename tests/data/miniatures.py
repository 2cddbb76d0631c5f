"""The published datasets in miniature: archives as they are distributed, and the masks that must come of them."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image
from pycocotools import mask as coco

from fastfcn.data import pascal_context
from fastfcn.data.ade20k import ADE20K
from fastfcn.data.cityscapes import RAW_IDS, Cityscapes
from fastfcn.data.coco_voc import COCOVOC
from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.palette import png_palette, voc_palette
from fastfcn.data.pascal_context import CATEGORY_IDS, CLASSES, PascalContext
from fastfcn.data.preparing.download import sha1_of
from fastfcn.data.public import PublicData
from fastfcn.data.voc import VOC
from fastfcn.data.voc_aug import VOCAug

HEIGHT, WIDTH = 36, 48
TRAIN, VAL = ("a1", "a2", "a3", "a4"), ("b1", "b2")


@dataclass
class Miniature:
    """`folder` holds archives; `masks` are the expected class indices by split and image; `sizes` the true counts."""

    data: type[PublicData]
    folder: Path
    masks: dict[str, dict[str, UInt8]]
    sizes: dict[str, int | None]
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def write(self) -> "Miniature":
        for name, files in self.files.items():
            write_archive(self.folder / name, files)
        return self

    def publish(self, monkeypatch: pytest.MonkeyPatch) -> "Miniature":
        """Have the dataset expect these archives and counts in place of the published ones."""
        archives = [replace(each, sha1=each.sha1 and sha1_of(self.folder / each.name)) for each in self.data.archives]
        monkeypatch.setattr(self.data, "archives", tuple(archives))
        monkeypatch.setattr(self.data, "sizes", self.sizes)
        return self


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".json":
        path.write_bytes(files[path.name])
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def png(array: UInt8, *, palette: bool = False) -> bytes:
    picture = Image.fromarray(array)
    if palette:
        picture.putpalette(png_palette(voc_palette(21)))
    return encoded(picture, "PNG")


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG")


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def values(seed: int, allowed: list[int]) -> UInt8:
    """A mask in blocks of 4x4 pixels that holds every allowed value, if there are at most 108."""
    rng = np.random.default_rng(seed)
    blocks = np.resize(rng.permutation(allowed), (HEIGHT // 4, WIDTH // 4))
    return np.kron(blocks, np.ones((4, 4), int)).astype(np.uint8)


def lines(*names: str) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def ade20k(folder: Path) -> Miniature:
    files: dict[str, bytes] = {"ADEChallengeData2016/objectInfo150.txt": b"Idx\tRatio\tTrain\tVal\tName\n"}
    masks: dict[str, dict[str, UInt8]] = {}
    for split, part, names in (("train", "training", TRAIN), ("val", "validation", VAL)):
        for seed, name in enumerate(names):
            raw = values(seed, [0, 1, 2, 75, 149, 150])
            stem = f"ADE_{split}_{name}"
            files[f"ADEChallengeData2016/images/{part}/{stem}.jpg"] = jpeg(seed)
            files[f"ADEChallengeData2016/annotations/{part}/{stem}.png"] = png(raw)
            masks.setdefault(split, {})[stem] = np.where(raw == 0, IGNORE, raw.astype(int) - 1).astype(np.uint8)
    test = {f"release_test/testing/ADE_test_{index}.jpg": jpeg(index) for index in range(3)}
    archives = {"ADEChallengeData2016.zip": files, "release_test.zip": {**test, "release_test/list.txt": b""}}
    return Miniature(ADE20K, folder, masks, {"train": 4, "val": 2, "test": 3}, archives).write()


def cityscapes(folder: Path) -> Miniature:
    images: dict[str, bytes] = {}
    truth: dict[str, bytes] = {}
    masks: dict[str, dict[str, UInt8]] = {}
    table = np.full(256, IGNORE, np.uint8)
    table[list(RAW_IDS)] = range(19)
    for split, names in {"train": TRAIN, "val": VAL, "test": ("c1",)}.items():
        for seed, name in enumerate(names):
            raw = values(seed, [*range(34), 255])
            city, stem = f"city{seed % 2}", f"city{seed % 2}_{name}"
            pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            images[f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png"] = png(pixels)
            for kind in ("labelIds", "instanceIds"):
                truth[f"gtFine/{split}/{city}/{stem}_gtFine_{kind}.png"] = png(raw)
            masks.setdefault(split, {})[f"{stem}_leftImg8bit"] = table[raw]
    archives = {"leftImg8bit_trainvaltest.zip": images, "gtFine_trainvaltest.zip": truth}
    return Miniature(Cityscapes, folder, masks, {"train": 4, "val": 2, "test": 1}, archives).write()


def voc_files(train: tuple[str, ...], val: tuple[str, ...]) -> tuple[dict[str, bytes], dict[str, UInt8]]:
    root, masks = "VOCdevkit/VOC2012", {}
    files = {
        f"{root}/ImageSets/Segmentation/train.txt": lines(*train),
        f"{root}/ImageSets/Segmentation/val.txt": lines(*val),
        f"{root}/ImageSets/Segmentation/trainval.txt": lines(*train, *val),
        f"{root}/JPEGImages/unlabelled.jpg": jpeg(99),
    }
    for seed, name in enumerate([*train, *val]):
        masks[name] = values(seed, [*range(21), 255])
        files[f"{root}/JPEGImages/{name}.jpg"] = jpeg(seed)
        files[f"{root}/SegmentationClass/{name}.png"] = png(masks[name], palette=True)
    return files, masks


def chosen(masks: dict[str, UInt8], *names: str) -> dict[str, UInt8]:
    return {name: masks[name] for name in names}


def voc(folder: Path) -> Miniature:
    files, masks = voc_files(TRAIN, VAL)
    splits = {"train": chosen(masks, *TRAIN), "val": chosen(masks, *VAL), "trainval": masks}
    return Miniature(VOC, folder, splits, {"train": 4, "val": 2}, {"VOCtrainval_11-May-2012.tar": files}).write()


def voc_aug(folder: Path) -> Miniature:
    """SBD's train holds an image of VOC's val (b1) and one of its train (a1); a9 is VOC's alone."""
    files, own = voc_files(("a1", "a9"), VAL)
    root = "benchmark_RELEASE/dataset"
    sbd_train, sbd_val = ("a1", "a2", "b1", "a3"), ("a4", "b2")
    sbd = {f"{root}/train.txt": lines(*sbd_train), f"{root}/val.txt": lines(*sbd_val)}
    masks = {}
    for seed, name in enumerate([*sbd_train, *sbd_val], 40):
        masks[name] = values(seed, list(range(21)))
        buffer = io.BytesIO()
        fields = {"Segmentation": masks[name], "Boundaries": np.zeros((20, 1)), "CategoriesPresent": np.arange(1, 3)}
        scipy.io.savemat(buffer, {"GTcls": fields})
        sbd[f"{root}/img/{name}.jpg"] = jpeg(seed)
        sbd[f"{root}/cls/{name}.mat"] = buffer.getvalue()
    splits = {
        "train": chosen(masks, *sbd_train),
        "trainval": masks,
        "train_aug": {**chosen(own, "a1"), **chosen(masks, "a2", "a3", "a4"), **chosen(own, "a9")},
        "val": chosen(own, *VAL),
    }
    sizes = {name: len(each) for name, each in splits.items()}
    archives = {"VOCtrainval_11-May-2012.tar": files, "benchmark.tgz": sbd}
    return Miniature(VOCAug, folder, splits, {**sizes}, archives).write()


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


MINIATURES: dict[str, Callable[[Path], Miniature]] = {
    "ade20k": ade20k,
    "cityscapes": cityscapes,
    "voc": voc,
    "voc_aug": voc_aug,
    "pascal_context": context59,
    "pascal_context60": context60,
    "coco_voc": coco_voc,
}
