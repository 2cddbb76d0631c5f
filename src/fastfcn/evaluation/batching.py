"""Whole images of one size as one batch."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.data.dataset import Sample


class Batch(NamedTuple):
    """Images (B, C, H, W) of one size, padded right and bottom with black; the masks (h, w) keep the images' own sizes.

    `places` are those of the images in what was collated.
    """

    images: Tensor
    masks: list[Tensor]
    places: list[int]

    def each(self, labels: Tensor) -> Iterator[tuple[int, Sample, Tensor]]:
        """Yield place, sample and labels (1, h, w) of every image, as a batch of one without padding."""
        for place, mask, image, predicted in zip(self.places, self.masks, self.images, labels, strict=True):
            height, width = mask.shape
            yield place, Sample(image[None, :, :height, :width], mask[None]), predicted[None, :height, :width]


class BySize:
    """Collates samples to a batch for each size that occurs, once sides are padded to multiples of `pad_to`."""

    def __init__(self, pad_to: int | None) -> None:
        self.multiple = pad_to or 1

    def __call__(self, samples: Sequence[Sample]) -> list[Batch]:
        """Put together what is of one size, in the order in which sizes occur first."""
        found: defaultdict[torch.Size, list[tuple[Tensor, Tensor, int]]] = defaultdict(list)
        for place, sample in enumerate(samples):
            height, width = sample.mask.shape
            image = F.pad(sample.image, (0, -width % self.multiple, 0, -height % self.multiple))
            found[image.shape].append((image, sample.mask, place))
        groups = (zip(*group, strict=True) for group in found.values())
        return [Batch(torch.stack(images), list(masks), list(places)) for images, masks, places in groups]
