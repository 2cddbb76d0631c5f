"""Each image's pixels by region and class, counted while a split is scored: boundary.npz."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastfcn.data.dataset import IGNORE, Split, UInt8
from fastfcn.evaluation.confusions import gather
from fastfcn.evaluation.regions.contours import Mask, boundary_width, distance_to_another, filled, inner_boundary
from fastfcn.evaluation.regions.grid import grid_labels
from fastfcn.evaluation.regions.things import nearest_groups, size_groups, thin_groups
from fastfcn.reporting.boundary import (
    BOUNDARY,
    DISTANCES,
    NAME,
    REGIONS,
    SIZES,
    STRIDES,
    THICK,
    THIN,
    TRIMAP,
    Regions,
    write_regions,
)

Entries = NDArray[np.int64]  # (5, K): region, class, pixels predicted rightly, of the truth, predicted
Table = dict[str, NDArray[np.int64]]  # by region (C, 3): pixels predicted rightly, of the truth, predicted


class RegionCounts:
    """Collects the images that this process scores."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._images: dict[int, Entries] = {}

    def add(self, labels: Tensor, mask: Tensor, index: int) -> None:
        """Count image `index` of the split: predicted and true classes, each (1, H, W)."""
        prediction, truth = (each[0].to(torch.uint8).cpu().numpy() for each in (labels, mask))
        self._images[index] = count_regions(prediction, truth, self.num_classes)

    def gathered(self, world_size: int) -> dict[int, Entries]:
        """Return the images of all processes by their index; all processes take part."""
        return gather(self._images, world_size)


def write_region_counts(folder: Path, images: Mapping[int, Entries], split: Split, num_classes: int) -> None:
    """Write boundary.npz: images in their split's order, without what stood in for one where a process had none."""
    indices = sorted(index for index in images if index < len(split))
    names = [split.example_name(index) for index in indices]
    write_regions(folder / NAME, Regions.of(names, [images[index] for index in indices], num_classes))


def count_regions(prediction: UInt8, truth: UInt8, num_classes: int) -> Entries:
    """Count the labelled pixels of an image (H, W) by region and class; what is ignored belongs to no class."""
    labelled = truth != IGNORE
    if not labelled.any():
        return np.zeros((5, 0), np.int64)
    prediction = np.where(labelled, prediction, IGNORE).astype(np.uint8)
    table = {BOUNDARY: _boundary(prediction, truth, num_classes)}
    table |= _by_distance(prediction, truth, num_classes)
    table |= _by_thing(prediction, truth, num_classes)
    whole = filled(truth)
    for stride in STRIDES:
        labels = np.where(labelled, grid_labels(whole, stride), IGNORE).astype(np.uint8)
        table[f"grid {stride}"] = _count(labels, truth, labelled, num_classes)
        table[f"boundary grid {stride}"] = _boundary(labels, truth, num_classes)
    counts = np.stack([table[name] for name in REGIONS])
    region, target = np.nonzero(counts.sum(-1))
    return np.concatenate((np.stack((region, target)), counts[region, target].T))


def _boundary(prediction: UInt8, truth: UInt8, num_classes: int) -> NDArray[np.int64]:
    """Count inner boundary regions: their intersection, that of the truth and that of the prediction."""
    width = boundary_width(*truth.shape)
    counts = np.zeros((num_classes, 3), np.int64)
    for target in _classes(prediction, truth):
        own, other = inner_boundary(truth == target, width), inner_boundary(prediction == target, width)
        counts[target] = (own & other).sum(), own.sum(), other.sum()
    return counts


def _classes(*labels: UInt8) -> list[int]:
    return sorted({int(each) for array in labels for each in np.unique(array)} - {IGNORE})


def _by_distance(prediction: UInt8, truth: UInt8, num_classes: int) -> Table:
    """Count by distance to the nearest pixel of another class: trimaps (Kohli et al. 2009), each less the former."""
    bins = np.searchsorted(DISTANCES, distance_to_another(truth))
    return {
        name: _count(prediction, truth, (bins == index) & (truth != IGNORE), num_classes)
        for index, name in enumerate(TRIMAP)
    }


def _count(prediction: UInt8, truth: UInt8, where: Mask, num_classes: int) -> NDArray[np.int64]:
    own, other = truth[where], prediction[where]
    columns = (own[own == other], own, other)
    return np.stack([np.bincount(each, minlength=num_classes) for each in columns], axis=1)


def _by_thing(prediction: UInt8, truth: UInt8, num_classes: int) -> Table:
    """Count by size and thickness; a wrong pixel goes with the nearest thing of its predicted class, if there is any.

    Where the truth lacks the class, the pixel is of no thing.
    """
    table = {name: np.zeros((num_classes, 3), np.int64) for name in (*SIZES, THIN, THICK)}
    for target in _classes(truth):
        mask, predicted = truth == target, prediction == target
        for names, groups in ((tuple(SIZES), size_groups(mask)), ((THIN, THICK), thin_groups(mask))):
            for name, counts in zip(names, _by_group(mask, predicted, groups, len(names)), strict=True):
                table[name][target] = counts
    return table


def _by_group(mask: Mask, predicted: Mask, groups: NDArray[np.int64], number: int) -> Iterator[tuple[int, int, int]]:
    """Yield for every group of a class its pixels right, true and predicted."""
    right = np.bincount(groups[mask & predicted], minlength=number)
    true = np.bincount(groups[mask], minlength=number)
    wrong = np.bincount(nearest_groups(mask, groups, predicted & ~mask), minlength=number)
    yield from zip(right.tolist(), true.tolist(), (right + wrong).tolist(), strict=True)
