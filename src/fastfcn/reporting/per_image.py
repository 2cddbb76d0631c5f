"""per_image.npz beside result.json: each image's confusion, from which statistics over images need no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastfcn.reporting.arrays import Integers, damage_of, names_of, read_archive, read_arrays, write_arrays

NAME = "per_image.npz"
KINDS = {"names": "<U", "lengths": "<u4", "target": "|u1", "prediction": "|u1", "count": "<u4"}


@dataclass(frozen=True)
class Counts:
    """Pixels by image and class, each (N, C): predicted rightly, of the truth, and of the prediction."""

    correct: NDArray[np.float64]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]


@dataclass(frozen=True)
class PerImage:
    """The images of a split in its order, and their confusions as triples of class, predicted class and pixels.

    `lengths` (N,) says how many of the triples, which stand in a row, are an image's; theirs rise by class.
    """

    names: tuple[str, ...]
    lengths: Integers
    target: Integers
    prediction: Integers
    count: Integers
    classes: int

    @classmethod
    def of(cls, names: Sequence[str], cells: Sequence[Integers], classes: int) -> "PerImage":
        """Join images' `cells` (2, K): the index of a cell of the confusion (C, C), rising, over its pixels."""
        joined = np.concatenate(cells, axis=1) if cells else np.zeros((2, 0), np.int64)
        return cls(
            tuple(names),
            np.array([each.shape[1] for each in cells], np.uint32),
            (joined[0] // classes).astype(np.uint8),
            (joined[0] % classes).astype(np.uint8),
            joined[1].astype(np.uint32),
            classes,
        )

    @property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion of all images (C, C), truth by prediction."""
        total = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(total, (self.target, self.prediction), self.count)
        return total

    def counts(self) -> Counts:
        """Sum up what IoU is made of."""
        images = np.repeat(np.arange(len(self.names)), self.lengths)
        right = self.target == self.prediction
        shape = len(self.names), self.classes
        return Counts(
            by_class(shape, images[right], self.target[right], self.count[right]),
            by_class(shape, images, self.target, self.count),
            by_class(shape, images, self.prediction, self.count),
        )


def by_class(shape: tuple[int, int], images: Integers, index: Integers, count: Integers) -> NDArray[np.float64]:
    """Sum counts by image and class (N, C)."""
    summed = np.bincount(images * shape[1] + index, count, minlength=shape[0] * shape[1])
    return summed.astype(np.float64).reshape(shape)


def write_per_image(path: Path, images: PerImage) -> None:
    """Write the images, whole or not at all."""
    arrays = {name: getattr(images, name) for name in KINDS if name != "names"}
    write_arrays(path, {"names": names_of(images.names), **arrays})


def read_per_image(path: Path, classes: int) -> PerImage:
    """Read what `write_per_image` wrote for so many classes. Raises OSError, or ValueError, in one line, if damaged."""
    content = read_archive(path)
    with damage_of(path):
        names, arrays = read_arrays(content, KINDS, classes)
        images = PerImage(names, **arrays, classes=classes)
        _require_sound(images)
    return images


def _require_sound(images: PerImage) -> None:
    """Raise ValueError if classes, order or pixels cannot be those of images."""
    place = np.repeat(np.arange(len(images.names)), images.lengths)
    keys = (place * 256 + images.target) * 256 + images.prediction
    if (np.diff(keys) <= 0).any():
        raise ValueError("a cell stands twice, or not in its place")
    if len(keys) and max(images.target.max(), images.prediction.max()) >= images.classes:
        raise ValueError(f"a class beyond the {images.classes} of its result")
    if (images.count == 0).any():
        raise ValueError("a cell without pixels")
