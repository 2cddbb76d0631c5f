"""A crop of the scaled image, at the cost of the crop: nothing is computed that the crop does not keep."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from fastfcn.data.dataset import IGNORE, Pixels, UInt8
from fastfcn.data.windowed import Reducible, Windowed

GRID_TOLERANCE = 1 / 32  # of a scaled pixel: the finest step of OpenCV's own warps
FOUR = 4  # channels that all of OpenCV's operations take


@dataclass(frozen=True)
class Crop:
    """One draw of the augmentation: scale, turn, crop, mirror, blur. Sizes and places are (height, width), in pixels.

    The image becomes `scaled` large, is turned by `angle` degrees anticlockwise about its centre, and `size` pixels
    are taken from `start` (top, left) on; `sigma` is the blur's.
    """

    scaled: tuple[int, int]
    start: tuple[int, int]
    size: tuple[int, int]
    flip: bool = False
    angle: float = 0.0
    sigma: float = 0.0


def crop_image(image: Pixels | Windowed | Reducible, crop: Crop) -> Pixels:
    """Scale, turn and crop an image (H, W, C): bilinear, antialiased when shrinking, as Pillow has it."""
    if isinstance(image, Reducible):
        image = image.read(crop.scaled)
    if not crop.angle:
        return _scaled_image(image, crop)
    around, matrix = _turned(crop)
    return _warp(_scaled_image(image, around), matrix, crop.size, cv2.INTER_LINEAR, fill=0)


def crop_mask(mask: UInt8 | Windowed, crop: Crop) -> UInt8:
    """Scale, turn and crop a mask (H, W): nearest neighbour; what turns in from outside is IGNORE."""
    if not crop.angle:
        return _scaled_mask(mask, crop)
    around, matrix = _turned(crop)
    return _warp(_scaled_mask(mask, around), matrix, crop.size, cv2.INTER_NEAREST, fill=IGNORE)


class _Cut(NamedTuple):
    """One side of a crop: source pixels `first` to `last`, which become `length`, less `skip` at the beginning."""

    first: int
    last: int
    length: int
    skip: int


def _cut(source: int, scaled: int, start: int, size: int) -> _Cut:
    """Cut where source and scaled pixels begin together, so that scaling the part is scaling the whole."""
    factor = scaled / source
    reach = math.ceil(max(1 / factor, 1))  # source pixels on either side that the filter reads
    low = max(math.floor(start / factor) - reach, 0)
    high = min(math.ceil((start + size) / factor) + reach, source)
    first = next(pixel for pixel in range(low, -1, -1) if _on_grid(pixel * factor))
    last = next((pixel for pixel in range(high, source) if _on_grid(pixel * factor)), source)
    return _Cut(first, last, round(last * factor) - round(first * factor), start - round(first * factor))


def _on_grid(place: float) -> bool:
    return abs(place - round(place)) <= GRID_TOLERANCE


def _scaled_image(image: Pixels | Windowed, crop: Crop) -> Pixels:
    rows, columns = (_cut(*side) for side in zip(image.shape[:2], crop.scaled, crop.start, crop.size, strict=True))
    part = image[rows.first : rows.last, columns.first : columns.last]
    if rows.length < part.shape[0] or columns.length < part.shape[1]:
        scaled = _shrink(part, rows.length, columns.length)
    else:
        size = (columns.length, rows.length)
        scaled = by_fours(part, partial(cv2.resize, dsize=size, interpolation=cv2.INTER_LINEAR))
    kept: Pixels = scaled[rows.skip : rows.skip + crop.size[0], columns.skip : columns.skip + crop.size[1]]
    return kept


def _shrink(image: Pixels, height: int, width: int) -> Pixels:
    """Resize as Pillow does: OpenCV has no antialiased bilinear filter, and PyTorch's is the faster one for bytes."""
    pixels = torch.from_numpy(image)[None].permute(0, 3, 1, 2)
    shrunk: Pixels = (
        interpolate(pixels, size=(height, width), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    )
    return shrunk


def _scaled_mask(mask: UInt8 | Windowed, crop: Crop) -> UInt8:
    rows, columns = (_nearest(*side) for side in zip(mask.shape, crop.scaled, crop.start, crop.size, strict=True))
    window = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part: UInt8 = window.take(columns - columns[0], axis=1).take(rows - rows[0], axis=0)
    return part


def _nearest(source: int, scaled: int, start: int, size: int) -> NDArray[np.intp]:
    """Return the source pixels below the centres of a crop's pixels, ties as Pillow breaks them by adding up."""
    steps = np.full(start + size, source / scaled)
    steps[0] /= 2
    return steps.cumsum()[start:].astype(np.intp)


def _turned(crop: Crop) -> tuple[Crop, NDArray[np.float64]]:
    """Return the upright crop that a turned one is taken from, and the matrix from pixels of the latter to its own."""
    cos, sin = math.cos(math.radians(crop.angle)), math.sin(math.radians(crop.angle))
    turn = np.array([[cos, -sin], [sin, cos]])  # of (x, y), y pointing down
    centre = np.array(crop.scaled[::-1]) / 2
    origin, extent = np.array(crop.start[::-1]), np.array(crop.size[::-1])
    corners = (origin + extent * [[0, 0], [1, 0], [0, 1], [1, 1]] - centre) @ turn.T + centre
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, crop.scaled[::-1])
    shift = turn @ (origin + 0.5 - centre) + centre - 0.5 - low
    around = replace(crop, start=(int(low[1]), int(low[0])), size=(int(high[1] - low[1]), int(high[0] - low[0])))
    return around, np.hstack([turn, shift[:, None]])


def _warp(array: Pixels, matrix: NDArray[np.float64], size: tuple[int, int], how: int, *, fill: int) -> Pixels:
    options = {
        "M": matrix, "dsize": size[::-1], "flags": how | cv2.WARP_INVERSE_MAP,
        "borderMode": cv2.BORDER_CONSTANT, "borderValue": (fill, fill, fill),
    }  # fmt: skip
    return by_fours(array, partial(cv2.warpAffine, **options))


def by_fours(array: Pixels, change: Callable[[Pixels], Pixels]) -> Pixels:
    """Have OpenCV change an image (H, W, C) or a mask (H, W): it loses the C of one, and takes no more than four."""
    if array.ndim == 2 or 1 < array.shape[2] <= FOUR:
        return change(array)
    return np.dstack([
        change(np.ascontiguousarray(array[..., first : first + FOUR])) for first in range(0, array.shape[2], FOUR)
    ])  # fmt: skip
