"""`voc_aug`: PASCAL VOC with the annotation of more images, SBD (Hariharan et al., ICCV 2011)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.pairs import Pair
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.preparing.masks import Conversion, convert
from fastfcn.data.preparing.matlab import read_label_map
from fastfcn.data.public import PublicData, pairs_of, read_list
from fastfcn.data.voc import CLASSES, LABELS, PALETTE, TERMS, VOC2012, list_voc2012

SBD = Path("benchmark_RELEASE/dataset")
MASKS = "cls_png"  # what we make of cls/*.mat


@dataclass(frozen=True)
class ClassMap(Conversion):
    """A .mat file of SBD, whose `GTcls.Segmentation` holds class indices."""

    source: Path

    def mask(self) -> UInt8:
        """Read the class indices."""
        labels = read_label_map(self.source, "GTcls", "Segmentation")
        if labels.max() > IGNORE:
            raise ValueError(f"{self.source} holds the class {labels.max()}")
        return labels.astype(np.uint8)


class VOCAug(PublicData):
    """VOC 2012's val, and for training SBD's train, trainval (the authors') and train_aug.

    The first two hold images of val; train_aug is everything but val: SBD's other images and VOC 2012's train, the
    masks of which are VOC's own where there are both.
    """

    name = "voc_aug"
    classes = CLASSES
    palette = PALETTE
    labels = LABELS
    sizes: ClassVar = {"train": 8498, "trainval": 11355, "train_aug": 10582, "val": 1449}
    disjoint_split = "train_aug"
    terms = TERMS
    archives = (
        VOC2012,
        Archive(
            "benchmark.tgz",
            (str(SBD / "img"), str(SBD / "cls"), str(SBD / "train.txt"), str(SBD / "val.txt")),
            "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
            "7129e0a480c2d6afb02b517bb18ac54283bfaa35",
        ),
    )

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return tuple(self.sizes)

    def pairs(self, name: str) -> list[Pair]:
        """List a split."""
        self.require_split(name)
        if name == "val":
            return list_voc2012(self, "val")
        if name == "train":
            return self._sbd("train")
        pairs = [*self._sbd("train"), *self._sbd("val")]
        return pairs if name == "trainval" else self._without_val(pairs)

    def _sbd(self, part: str) -> list[Pair]:
        folder = self.root / SBD
        names = read_list(self.require(folder / f"{part}.txt"))
        return pairs_of(names, folder / "img", folder / MASKS)

    def _without_val(self, pairs: list[Pair]) -> list[Pair]:
        chosen = {pair.image.stem: pair for pair in [*pairs, *list_voc2012(self, "train")]}
        for pair in list_voc2012(self, "val"):
            chosen.pop(pair.image.stem, None)
        return [chosen[stem] for stem in sorted(chosen)]

    def convert(self, workers: int) -> None:
        """Turn the MATLAB files into PNG."""
        folder = self.root / SBD
        names = [name for part in ("train", "val") for name in read_list(self.require(folder / f"{part}.txt"))]
        jobs = [ClassMap(folder / MASKS / f"{name}.png", folder / "cls" / f"{name}.mat") for name in names]
        convert(jobs, description="converting SBD", workers=workers)
