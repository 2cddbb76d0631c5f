"""boundary.npz beside result.json: each image's pixels by class in regions where upsampling matters.

Rows of `boundary` and `boundary grid S` count inner boundary regions, those of the others pixels of the image; what a
region is, fastfcn.evaluation.regions says. A row `grid S` scores labels of one grid cell of S x S each, not a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastfcn.reporting.arrays import Integers, damage_of, names_of, read_archive, read_arrays, write_arrays
from fastfcn.reporting.per_image import Counts, by_class

NAME = "boundary.npz"
DISTANCES = (1, 2, 4, 8, 16, 32)  # pixels to another class, at most; what is farther off is FAR
BOUNDARY, FAR = "boundary", "far"
TRIMAP = (*(f"within {distance}" for distance in DISTANCES), FAR)  # each without what is nearer
SIZES = {"small": 32**2, "medium": 96**2, "large": None}  # pixels of a connected part, less than: COCO's
THIN, THICK = "thin", "thick"
STRIDES = (8, 16, 32)
REGIONS = (
    BOUNDARY,
    *TRIMAP,
    *SIZES,
    THIN,
    THICK,
    *(f"grid {stride}" for stride in STRIDES),
    *(f"boundary grid {stride}" for stride in STRIDES),
)
COUNTS = ("correct", "truth", "predicted")
KINDS = {"names": "<U", "lengths": "<u4", "region": "|u1", "target": "|u1", **dict.fromkeys(COUNTS, "<u4")}


@dataclass(frozen=True)
class Regions:
    """The images of a split in its order, and of each its entries: pixels of a class in a region, of REGIONS.

    `lengths` (N,) says how many of the entries, which stand in a row, are an image's; theirs rise by region and class.
    """

    names: tuple[str, ...]
    lengths: Integers
    region: Integers
    target: Integers
    correct: Integers
    truth: Integers
    predicted: Integers
    classes: int

    @classmethod
    def of(cls, names: Sequence[str], entries: Sequence[Integers], classes: int) -> "Regions":
        """Join images' `entries` (5, K): region, class, and pixels predicted rightly, of the truth, predicted."""
        region, target, *counts = np.concatenate(entries, axis=1) if entries else np.zeros((5, 0), np.int64)
        lengths = np.array([each.shape[1] for each in entries], np.uint32)
        correct, truth, predicted = (each.astype(np.uint32) for each in counts)
        kinds = region.astype(np.uint8), target.astype(np.uint8)
        return cls(tuple(names), lengths, *kinds, correct, truth, predicted, classes)

    def counts(self, *regions: str) -> Counts:
        """Sum up regions: what IoU in them is made of."""
        wanted = np.isin(self.region, [REGIONS.index(name) for name in regions])
        images = np.repeat(np.arange(len(self.names)), self.lengths)[wanted]
        shape = len(self.names), self.classes
        summed = (by_class(shape, images, self.target[wanted], getattr(self, name)[wanted]) for name in COUNTS)
        return Counts(*summed)


def write_regions(path: Path, regions: Regions) -> None:
    """Write the images' regions, whole or not at all."""
    arrays = {name: getattr(regions, name) for name in KINDS if name != "names"}
    write_arrays(path, {"names": names_of(regions.names), **arrays})


def read_regions(path: Path, classes: int) -> Regions:
    """Read what `write_regions` wrote for so many classes. Raises OSError, or ValueError, in one line, if damaged."""
    content = read_archive(path)
    with damage_of(path):
        names, arrays = read_arrays(content, KINDS, classes)
        regions = Regions(names, **arrays, classes=classes)
        _require_sound(regions)
    return regions


def _require_sound(regions: Regions) -> None:
    """Raise ValueError if regions, classes, order or pixels cannot be those of images."""
    place = np.repeat(np.arange(len(regions.names)), regions.lengths)
    if (np.diff((place * 256 + regions.region) * 256 + regions.target) <= 0).any():
        raise ValueError("an entry stands twice, or not in its place")
    if len(place) and regions.region.max() >= len(REGIONS):
        raise ValueError(f"a region beyond the {len(REGIONS)} that there are")
    if len(place) and regions.target.max() >= regions.classes:
        raise ValueError(f"a class beyond the {regions.classes} of its result")
    if (regions.correct > np.minimum(regions.truth, regions.predicted)).any():
        raise ValueError("more pixels right than there are")
    if (np.maximum(regions.truth, regions.predicted) == 0).any():
        raise ValueError("an entry without pixels")
