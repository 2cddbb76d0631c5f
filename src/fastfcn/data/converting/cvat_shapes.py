"""The shapes of CVAT's XML that cover an area."""

import math
from collections.abc import Callable
from xml.etree.ElementTree import Element

import numpy as np

from fastfcn.data.converting.geometry import Geometry, Point, Polygons, corners, patch
from fastfcn.data.converting.json_files import MAX_SIDE

ELLIPSE_CORNERS = 72  # of the polygon that stands for one
MAX_PATCH = 178_000_000  # pixels, as of images


def geometry_of(each: Element, place: str) -> Geometry:
    """Return the form of a shape. Raises ValueError beginning with `place` if it is damaged."""
    try:
        return AREAS[each.tag](each)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{place}: {error}") from error


def _polygon(each: Element) -> Geometry:
    pairs = [pair.split(",") for pair in (each.get("points") or "").split(";") if pair.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("points are not pairs of x,y")
    return Polygons((tuple((_number(x), _number(y)) for x, y in pairs),))


def _box(each: Element) -> Geometry:
    left, top, right, bottom = (_number(each.get(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
    centre = ((left + right) / 2, (top + bottom) / 2)
    return Polygons((tuple(_turned(point, centre, each) for point in corners(left, top, right, bottom)),))


def _ellipse(each: Element) -> Geometry:
    x, y, across, down = (_number(each.get(key)) for key in ("cx", "cy", "rx", "ry"))
    angles = (2 * math.pi * step / ELLIPSE_CORNERS for step in range(ELLIPSE_CORNERS))
    points = ((x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles)
    return Polygons((tuple(_turned(point, (x, y), each) for point in points),))


def _mask(each: Element) -> Geometry:
    """Read rows of a patch as runs, in turn without and with the object."""
    runs = [int(run) for run in (each.get("rle") or "").split(",") if run.strip()]
    left, top, columns, rows = (int(_number(each.get(key))) for key in ("left", "top", "width", "height"))
    if not (1 <= columns <= MAX_SIDE and 1 <= rows <= MAX_SIDE and rows * columns <= MAX_PATCH):
        raise ValueError(f"a mask of {columns} x {rows} pixels")
    if min(runs, default=-1) < 0 or sum(runs) != rows * columns:
        raise ValueError(f"rle does not fill {columns} x {rows} pixels")
    bitmap = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(rows, columns)
    return patch(bitmap, left, top)


def _turned(point: Point, centre: Point, each: Element) -> Point:
    """Turn a point clockwise about a centre by the shape's rotation, in degrees."""
    angle = math.radians(_number(each.get("rotation") or "0"))
    x, y = point[0] - centre[0], point[1] - centre[1]
    return (
        centre[0] + x * math.cos(angle) - y * math.sin(angle),
        centre[1] + x * math.sin(angle) + y * math.cos(angle),
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise ValueError(f"{(text or 'nothing')[:40]!r} is no number") from error


AREAS: dict[str, Callable[[Element], Geometry]] = {
    "polygon": _polygon, "box": _box, "ellipse": _ellipse, "mask": _mask,
}  # fmt: skip
