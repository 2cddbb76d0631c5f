"""From the values in mask files to class indices."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import IGNORE, UInt8


class Labels:
    """What a dataset's mask files may hold: `classes` maps every allowed value to a class index, or to IGNORE."""

    def __init__(self, classes: Mapping[int, int]) -> None:
        self.classes = dict(classes)
        self._table: UInt8 = np.full(256, IGNORE, np.uint8)
        self._known: UInt8 = np.zeros(256, np.uint8)
        for value, index in self.classes.items():
            if 0 <= value < 256:
                self._table[value], self._known[value] = index, 1

    def unknown(self, values: NDArray[np.generic]) -> list[int]:
        """Return the values (H, W) that no mask may hold, each once."""
        if values.dtype == np.uint8 and cv2.LUT(values, self._known).all():
            return []
        return [int(value) for value in np.unique(values) if int(value) not in self.classes]

    def apply(self, values: NDArray[np.generic]) -> UInt8:
        """Turn allowed values (H, W) into class indices."""
        if values.dtype == np.uint8:
            classes: UInt8 = cv2.LUT(values, self._table)
            return classes
        distinct, places = np.unique(values, return_inverse=True)
        indices = np.array([self.classes[int(value)] for value in distinct], np.uint8)
        return indices[places].reshape(values.shape)


def shifted(count: int, *, ignored: int = 0) -> dict[int, int]:
    """Map 1 to `count` to the classes 0 to `count` - 1, and `ignored` to IGNORE."""
    return {ignored: IGNORE, **{value: value - 1 for value in range(1, count + 1)}}


def identity(count: int, *, ignored: int = IGNORE) -> dict[int, int]:
    """Map 0 to `count` - 1 to themselves, and `ignored` and 255 to IGNORE."""
    return {**{value: value for value in range(count)}, IGNORE: IGNORE, ignored: IGNORE}


def listed(values: Sequence[int], *, ignored: int = IGNORE) -> dict[int, int]:
    """Map each of `values` to its place, and `ignored` and 255 to IGNORE unless they are among them."""
    return {
        **{value: index for index, value in enumerate(values)},
        **{value: IGNORE for value in (IGNORE, ignored) if value not in values},
    }
