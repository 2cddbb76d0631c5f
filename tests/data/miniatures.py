"""The published datasets in miniature: archives as they are distributed, and the masks that must come of them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

from fastfcn.data.ade20k import ADE20K
from fastfcn.data.cityscapes import RAW_IDS, Cityscapes
from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.voc import VOC
from fastfcn.data.voc_aug import VOCAug
from tests.data.miniature import HEIGHT, TRAIN, VAL, WIDTH, Miniature, chosen, jpeg, lines, png, values
from tests.data.region_miniatures import coco_voc, context59, context60


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


MINIATURES: dict[str, Callable[[Path], Miniature]] = {
    "ade20k": ade20k,
    "cityscapes": cityscapes,
    "voc": voc,
    "voc_aug": voc_aug,
    "pascal_context": context59,
    "pascal_context60": context60,
    "coco_voc": coco_voc,
}
