"""Whether the masks of a split hold what training and scoring need."""

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import IGNORE, SegmentationData, UInt8
from fastfcn.data.listing import shortened

TRAINING, SCORING = 2, 1  # classes without which either is of no use
MAX_VALUES = 256


def count_pixels(mask: UInt8) -> NDArray[np.int64]:
    """Count the pixels of every class index in a mask (H, W), those of no class at IGNORE."""
    return np.bincount(mask.ravel(), minlength=MAX_VALUES)


def require_labelled(data: SegmentationData, name: str, needed: int) -> None:
    """Read masks of a split in an order of chance until so many classes were seen, commonly one or two.

    Raises ValueError, having read them all, if the split holds fewer.
    """
    split = data.split(name)
    pixels = np.zeros(MAX_VALUES, np.int64)
    for index in np.random.default_rng(0).permutation(len(split)):
        pixels += sum(map(count_pixels, split.mask_parts(int(index))))
        if np.count_nonzero(pixels[:IGNORE]) >= needed:
            return
    raise ValueError(few_classes(data, name, pixels))


def few_classes(data: SegmentationData, name: str, pixels: NDArray[np.int64]) -> str:
    """Say which classes alone the masks of a split hold, and what to do."""
    present = [data.classes[index] for index in np.flatnonzero(pixels[:IGNORE])]
    ignored = 100 * pixels[IGNORE] / max(pixels.sum(), 1)
    held = f"no class but {shortened(present)}" if present else "no class at all"
    return (
        f"the masks of split {name!r} of data={data.name} hold {held} ({ignored:.1f} % of their pixels are ignored): "
        f"there is nothing to learn or to score; {data.relabelling(name)}"
    )
