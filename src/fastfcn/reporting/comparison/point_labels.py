"""Names beside the points of a scatter, set where they cover nothing."""

from collections.abc import Mapping, Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

POINT = 8.0  # half the side of the square kept free about a marker, in points
DISTANCES = (11.0, 24.0, 38.0, 54.0)  # of a name from its point, in points
DIRECTIONS = ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
HORIZONTAL = {-1: "right", 0: "center", 1: "left"}
VERTICAL = {-1: "top", 0: "center", 1: "bottom"}


Place = tuple[float, float]


def place_labels(
    figure: Figure, axes: Axes, points: Mapping[str, Place], lines: Sequence[Sequence[Place]] = ()
) -> None:
    """Name every point (x, y) at the nearest place that is free of points, names and `lines`.

    A name that is far off gets a line to its point.
    """
    figure.draw_without_rendering()  # the layout has to be settled before anything is measured
    taken = [_around(axes, point, POINT * figure.dpi / 72) for point in points.values()]
    drawn = [Path(axes.transData.transform(line)) for line in lines]
    for label, point in points.items():
        taken.append(_place(axes, label, point, taken, drawn))


def _place(axes: Axes, label: str, point: Place, taken: Sequence[Bbox], drawn: Sequence[Path]) -> Bbox:
    """Write the name and return the box that it covers; where nothing is free, beside the point."""
    room = axes.get_window_extent()
    for distance, direction in product(DISTANCES, DIRECTIONS):
        text = _annotate(axes, label, point, distance, direction)
        box = text.get_window_extent()
        inside = room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1
        crossed = any(path.intersects_bbox(box, filled=False) for path in drawn)
        if inside and not crossed and not any(box.overlaps(other) for other in taken):
            if distance > DISTANCES[0]:
                _lead(axes, point, distance, direction)
            return box
        text.remove()
    return _annotate(axes, label, point, DISTANCES[0], DIRECTIONS[0]).get_window_extent()


def _around(axes: Axes, point: Place, margin: float) -> Bbox:
    x, y = axes.transData.transform(point)
    return Bbox.from_extents(x - margin, y - margin, x + margin, y + margin)


def _annotate(axes: Axes, label: str, point: Place, distance: float, direction: tuple[int, int]) -> Annotation:
    right, up = direction
    text = axes.annotate(
        label,
        point,
        (right * distance, up * distance),
        textcoords="offset points",
        horizontalalignment=HORIZONTAL[right],
        verticalalignment=VERTICAL[up],
    )
    text.set_in_layout(False)
    return text


def _lead(axes: Axes, point: Place, distance: float, direction: tuple[int, int]) -> None:
    """Draw a line from a name to its point."""
    place = (direction[0] * distance, direction[1] * distance)
    look = {"arrowstyle": "-", "color": "#888888", "shrinkA": 0, "shrinkB": POINT / 2}
    axes.annotate("", point, place, textcoords="offset points", arrowprops=look).set_in_layout(False)
