"""What a dataset is to the rest of the suite: classes, colours, splits, and examples by index."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fastfcn.data.windowed import Reducible, Windowed

IGNORE = 255  # mask value of pixels that belong to no class, in every dataset once read

UInt8 = NDArray[np.uint8]
Pixels = NDArray[Any]  # of an image (H, W, C): uint8, or float32 in 0..1


@dataclass
class Example:
    """One labelled image: `image` (H, W, C), `mask` (H, W) of class indices or IGNORE, uint8."""

    image: Pixels
    mask: UInt8
    name: str


@dataclass
class LargeExample:
    """One that does not exist as a whole: its pixels, and those of its mask, are read as they are asked for."""

    image: Windowed | Reducible
    mask: Windowed | UInt8
    name: str

    def whole(self) -> Example:
        """Read it all. Raises ValueError if it has too many pixels for that."""
        mask = self.mask.whole() if isinstance(self.mask, Windowed) else self.mask
        return Example(self.image.whole(), mask, self.name)


class Sample(NamedTuple):
    """An example ready to be batched: `image` (C, H, W), and `mask` (H, W), uint8."""

    image: Tensor
    mask: Tensor


class Split(ABC):
    """The examples of one split."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Example:
        """Read one example."""

    def open(self, index: int, *, reduced: bool = False) -> Example | LargeExample:
        """Read one example, or open it where it is to be read by parts, or may be `reduced`: at a part of its size."""
        return self[index]

    def mask(self, index: int) -> UInt8:
        """Read the mask of an example alone, (H, W)."""
        return self[index].mask

    def mask_parts(self, index: int) -> Iterator[UInt8]:
        """Yield the mask of an example, some rows (h, W) at a time where it is large."""
        yield self.mask(index)

    def files(self, index: int) -> tuple[Path, ...]:
        """Return the files that an example is read from, image before mask; none if it is generated."""
        return ()

    def example_name(self, index: int) -> str:
        """Name an example without reading it: its image's file, or its index where it is generated."""
        files = self.files(index)
        return files[0].stem if files else f"{index:05d}"


class SegmentationData(ABC):
    """A dataset. `classes` names them in the order of the mask's indices: the only place where their number stands.

    `palette` holds an RGB colour a class. `train_split`, `val_split` and `test_split` name the splits to use.
    """

    name: str
    channels: int = 3  # of an image
    dtype: type[np.uint8] | type[np.float32] = np.uint8
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    train_split: str
    val_split: str
    test_split: str

    @abstractmethod
    def split(self, name: str) -> Split:
        """Open a split. Raises ValueError or FileNotFoundError, with the remedy, if it cannot be read."""

    def warnings(self) -> list[str]:
        """Return what a user should know before training, a line each."""
        return []

    def visible(self, image: Pixels) -> UInt8:
        """Return an image (H, W, C) as 8-bit RGB (H, W, 3), for pictures."""
        return image

    def relabelling(self, name: str) -> str:
        """Say what to do if the masks of a split do not hold what training needs."""
        return "mend its masks"
