"""COCO's regions, run lengths and polygons, painted into masks.

They come from files of others. Run lengths are decoded here; polygons go to pycocotools, the C code of which believes
what it is given, once they are known to be small.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from fastfcn.data.dataset import UInt8

MIN_COORDINATES = 6  # of a polygon: x and y of three corners
MAX_EDGES = 500_000  # pixels that a polygon's edges pass together; pycocotools keeps 25 coordinates a pixel
MAX_DIGITS = 6  # characters of a run length; 7 hold more than 32 bits
SHOWN = 80  # characters of what is refused


def paint(regions: Iterable[tuple[int, Any]], height: int, width: int, *, over: bool) -> UInt8:
    """Paint `regions`, pairs of a value and a COCO segmentation, onto zeros (H, W).

    Where regions overlap the later wins with `over`, or else the earlier.
    """
    mask = np.zeros((height, width), np.uint8)
    for value, segmentation in regions:
        region = decode(segmentation, height, width)
        mask[region if over else region & (mask == 0)] = value
    return mask


def decode(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """Decode polygons or run lengths, compressed or not, into booleans (H, W).

    Raises ValueError if they are neither, or not of that size.
    """
    region = None
    if isinstance(segmentation, dict) and segmentation.get("size") == [height, width]:
        region = _from_runs(segmentation.get("counts"), height, width)
    elif isinstance(segmentation, list):
        region = _from_polygons(segmentation, height, width)
    if region is None:
        raise ValueError(
            f"a segmentation is neither polygons nor run lengths of {width}x{height} pixels: "
            f"{str(segmentation)[:SHOWN]}"
        )
    return region


def _from_runs(counts: Any, height: int, width: int) -> NDArray[np.bool_] | None:
    """Fill runs down the columns, in turn without and with the region; None if they do not fill the image."""
    runs = _decompress(counts, limit=height * width + 2) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        return None
    if sum(runs) != height * width:
        return None
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _decompress(text: str, *, limit: int) -> list[int] | None:
    """Read numbers in digits of five bits, the lowest first; from the fourth on, differences to the last but one."""
    runs: list[int] = []
    value = digits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or digits == MAX_DIGITS or len(runs) > limit:
            return None
        value |= (code & 31) << 5 * digits
        digits += 1
        if not code & 32:
            if code & 16:
                value -= 1 << 5 * digits
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = digits = 0
    return None if digits else runs


def _from_polygons(polygons: Sequence[Any], height: int, width: int) -> NDArray[np.bool_] | None:
    """Fill polygons, of which those of fewer than three corners hold nothing; None if one is none, or none is left."""
    if not all(_is_polygon(points, max(height, width)) for points in polygons):
        return None
    filled = [points for points in polygons if len(points) >= MIN_COORDINATES]
    if not filled:
        return None
    region: UInt8 = coco.decode(coco.merge(coco.frPyObjects(filled, height, width)))
    return region.astype(bool)


def _is_polygon(points: Any, side: int) -> bool:
    """Tell whether these are corners in or near an image of that side, and edges that can be drawn."""
    if not isinstance(points, list) or len(points) % 2 or not all(type(each) in (int, float) for each in points):
        return False
    if not all(-side <= each <= 2 * side for each in points):  # nor is NaN
        return False
    corners = np.array(points, np.float64).reshape(-1, 2)
    edges = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1, initial=0) + 1
    return bool(edges.sum() <= MAX_EDGES)
