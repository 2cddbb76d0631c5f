"""Shapes of labelling tools as regions of an image.

They come from files of others: every coordinate is checked before C code gets to see it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fastfcn.data.preparing.regions import MAX_EDGES, decode

LINE_WIDTH, POINT_RADIUS = 10, 5  # pixels, as LabelMe's own converter draws
CORNERS = 3  # at least, of a polygon
PAIRS = {"circle": 2, "rectangle": 2, "line": 2, "point": 1, "linestrip": 2}  # points at least

Region = NDArray[np.bool_]
Point = tuple[float, float]


class Geometry(ABC):
    """The form of a shape."""

    @abstractmethod
    def region(self, height: int, width: int) -> Region:
        """Return the pixels that it covers, (H, W). Raises ValueError if it cannot be drawn."""


@dataclass(frozen=True)
class Polygons(Geometry):
    """Rings, which may be several parts of one object, filled as pycocotools does."""

    rings: tuple[tuple[Point, ...], ...]

    def region(self, height: int, width: int) -> Region:
        """Fill the rings."""
        for ring in self.rings:
            require_polygon(ring, height, width)
        return decode([[each for point in ring for each in point] for ring in self.rings], height, width)


@dataclass(frozen=True)
class Shares(Geometry):
    """A polygon in shares of the image's width and height."""

    points: tuple[Point, ...]

    def region(self, height: int, width: int) -> Region:
        """Fill the polygon."""
        return Polygons((tuple((x * width, y * height) for x, y in self.points),)).region(height, width)


@dataclass(frozen=True)
class Runs(Geometry):
    """COCO's run lengths, compressed or not."""

    segmentation: dict[str, Any]

    def region(self, height: int, width: int) -> Region:
        """Decode the runs."""
        return decode(self.segmentation, height, width)


@dataclass(frozen=True)
class Drawn(Geometry):
    """A shape of LabelMe, drawn by Pillow as LabelMe's converter does."""

    kind: str
    points: tuple[Point, ...]

    def region(self, height: int, width: int) -> Region:
        """Draw the shape."""
        picture = Image.new("1", (width, height))
        draw, points = ImageDraw.Draw(picture), list(self.points)
        if self.kind == "polygon":
            require_polygon(points, height, width)
            draw.polygon(points, outline=1, fill=1)
            return np.array(picture)
        if len(points) < PAIRS[self.kind]:
            raise ValueError(f"{self.kind} of {_points(len(points))}; it needs {PAIRS[self.kind]}")
        require_near(points, height, width)
        if self.kind == "rectangle":
            draw.rectangle(_bounds(points), outline=1, fill=1)
        elif self.kind in ("line", "linestrip"):
            draw.line(points, fill=1, width=LINE_WIDTH)
        else:
            radius = math.dist(*points[:2]) if self.kind == "circle" else POINT_RADIUS
            x, y = points[0]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
        return np.array(picture)


@dataclass(frozen=True)
class Patch(Geometry):
    """A bitmap of `rows` x `columns` pixels, packed into bits, that begins at `left` and `top` of the image."""

    left: int
    top: int
    rows: int
    columns: int
    bits: bytes

    def region(self, height: int, width: int) -> Region:
        """Place the bitmap; what lies beyond the image is cut off."""
        patch = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.rows * self.columns).astype(bool)
        region = np.zeros((height, width), bool)
        top, left = max(self.top, 0), max(self.left, 0)
        inside = patch.reshape(self.rows, self.columns)[top - self.top :, left - self.left :]
        inside = inside[: max(height - top, 0), : max(width - left, 0)]
        region[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return region


def patch(bitmap: Region, left: int, top: int) -> Patch:
    """Pack a bitmap (H, W)."""
    rows, columns = bitmap.shape
    return Patch(left, top, rows, columns, np.packbits(bitmap).tobytes())


def corners(left: float, top: float, right: float, bottom: float) -> tuple[Point, ...]:
    """Return an upright rectangle as a polygon's points."""
    return (left, top), (right, top), (right, bottom), (left, bottom)


def require_polygon(points: Sequence[Point], height: int, width: int) -> None:
    """Raise ValueError unless these are the corners of a polygon in or near an image of that size."""
    if len(points) < CORNERS:
        raise ValueError(f"polygon of {_points(len(points))}; it needs {CORNERS}")
    require_near(points, height, width)
    corners = np.array(points, np.float64)
    edges = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1) + 1
    if edges.sum() > MAX_EDGES:
        raise ValueError(f"polygon whose edges pass {edges.sum():.0f} pixels; {MAX_EDGES} are allowed")


def require_near(points: Sequence[Point], height: int, width: int) -> None:
    """Raise ValueError if a point is no number or lies further from the image than its longer side."""
    side = max(height, width)
    for x, y in points:
        if not (-side <= x <= 2 * side and -side <= y <= 2 * side):  # nor is NaN
            raise ValueError(f"the point ({x:g}, {y:g}) is far out of the image of {width}x{height}")


def _bounds(points: Sequence[Point]) -> tuple[float, float, float, float]:
    columns, rows = zip(*points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def _points(count: int) -> str:
    return f"{count} point{'' if count == 1 else 's'}"
