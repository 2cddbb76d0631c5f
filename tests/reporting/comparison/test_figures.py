"""Charts: everything named, nothing covered, ids of their own."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Annotation

from fastfcn.reporting.comparison.curves import Curve
from fastfcn.reporting.comparison.figures import Point, learning_curves, scatter, styles
from fastfcn.reporting.comparison.point_labels import place_labels

LABELS = [f"row_{index}" for index in range(8)]
CROWDED = {
    "spread": {label: (10.0 * index, 5.0 * index) for index, label in enumerate(LABELS)},
    "crowded": {label: (50 + 0.8 * index, 60 + 0.5 * (index % 3)) for index, label in enumerate(LABELS)},
    "same place": {label: (50.0, 60.0) for label in LABELS[:4]} | {"far": (90.0, 10.0)},
}


@pytest.mark.parametrize("points", CROWDED.values(), ids=CROWDED.keys())
def test_names_cover_neither_each_other_nor_points(points: dict[str, tuple[float, float]]) -> None:
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    axes = figure.subplots()
    for x, y in points.values():
        axes.plot(x, y, "o")
    axes.margins(0.18)
    bars = [[(x, y), (x + 3, y)] for x, y in points.values()]
    place_labels(figure, axes, points, bars)
    texts = [child for child in axes.get_children() if isinstance(child, Annotation) and child.get_text()]
    assert [text.get_text() for text in texts] == list(points)
    boxes = [text.get_window_extent() for text in texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for point in points.values():
        x, y = axes.transData.transform(point)
        assert not any(box.contains(x, y) for box in boxes)
    for bar in bars:
        path = Path(axes.transData.transform(bar))
        assert not any(path.intersects_bbox(box, filled=False) for box in boxes)


def test_every_row_looks_different_in_all_charts() -> None:
    looks = styles(LABELS)
    assert len({(look["color"], look["marker"], look["linestyle"]) for look in looks.values()}) == len(LABELS)
    assert len({look["marker"] for look in looks.values()}) == len(LABELS)


def test_the_charts_are_svg_that_names_every_row_and_needs_no_other_file() -> None:
    points = [
        Point(label, 10.0 + index, 40.0 + index, 39.0, 49.0, (9.0 + index, 12.0 + index))
        for index, label in enumerate(LABELS)
    ]
    curve = Curve((10, 20), (0.1, 0.2), (0.1, 0.2), (0.2, 0.3))
    panels = {"mIoU": dict.fromkeys(LABELS, curve), "loss": {LABELS[0]: curve}}
    charts = [
        scatter(points, cost="GFLOPs", falling=False, name="one"), learning_curves(panels, LABELS, name="two"),
    ]  # fmt: skip
    for chart in charts:
        root = ET.fromstring(chart)
        texts = {"".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert set(LABELS) <= texts
        targets = re.findall(r'(?:href="|url\()([^")]+)', chart)
        assert targets
        ids = {element.get("id") for element in root.iter()}
        assert all(target.startswith("#") and target[1:] in ids for target in targets)
    ids = [re.findall(r'\bid="([^"]+)"', chart) for chart in charts]
    assert not set(ids[0]) & set(ids[1])
    assert all(len(each) == len(set(each)) for each in ids)


def test_the_same_data_give_the_same_chart() -> None:
    points = [Point("a", 1, 2, 1, 3, (1, 1)), Point("b", 2, 3, 2, 4, (1.5, 3))]
    assert scatter(points, cost="FPS", falling=True, name="x") == scatter(points, cost="FPS", falling=True, name="x")
