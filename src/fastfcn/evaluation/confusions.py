"""Each image's confusion, counted while a split is scored; what is left of it lies beside result.json."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastfcn.data.dataset import IGNORE, Split
from fastfcn.reporting.per_image import NAME, PerImage, write_per_image

Cells = NDArray[np.int64]  # (2, K): of an image, indices of cells of a confusion, rising, over their pixels


class ImageConfusions:
    """Collects the images that this process scores."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._images: dict[int, Cells] = {}

    def add(self, labels: Tensor, mask: Tensor, index: int) -> None:
        """Count image `index` of the split: predicted and true classes, each (1, H, W)."""
        self._images[index] = count_cells(labels, mask, self.num_classes)

    def gathered(self, world_size: int) -> dict[int, Cells]:
        """Return the images of all processes by their index; all processes take part."""
        return gather(self._images, world_size)


def gather(images: dict[int, Cells], world_size: int) -> dict[int, Cells]:
    """Join the images of all processes, which all take part."""
    if world_size == 1:
        return images
    shares: list[dict[int, Cells]] = [{}] * world_size
    torch.distributed.all_gather_object(shares, images)
    return {index: cells for share in shares for index, cells in share.items()}


def count_cells(labels: Tensor, mask: Tensor, num_classes: int) -> Cells:
    """Count the labelled pixels of an image by true and predicted class."""
    counted = mask != IGNORE
    pairs = mask[counted].long() * num_classes + labels[counted].long()
    counts = torch.bincount(pairs, minlength=num_classes**2)
    found = counts.nonzero().squeeze(1)
    cells: Cells = torch.stack((found, counts[found])).cpu().numpy()
    return cells


def write_images(folder: Path, images: Mapping[int, Cells], split: Split, num_classes: int) -> None:
    """Write per_image.npz: images in their split's order, without what stood in for one where a process had none."""
    indices = sorted(index for index in images if index < len(split))
    names = [split.example_name(index) for index in indices]
    found = PerImage.of(names, [images[index] for index in indices], num_classes)
    write_per_image(folder / NAME, found)
