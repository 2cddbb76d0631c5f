"""Charts of where upsampling matters, as SVG that lies in the page itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fastfcn.reporting.boundary import DISTANCES
from fastfcn.reporting.comparison.figures import STYLE, styles, svg
from fastfcn.reporting.upsampling.scoring import BANDS, BOUNDARY_IOU, MIOU, THINGS, UpsamplingScores
from fastfcn.reporting.verdicts.estimates import Estimate

Looks = Mapping[str, Mapping[str, Any]]


def charts(scores: UpsamplingScores, name: str) -> list[tuple[str, str, Markup]]:
    """Draw what there is: title, caption and picture of each chart."""
    rows = list(scores.rows)
    looks = styles(rows)
    things = [thing for thing in THINGS if thing in scores.rows[rows[0]]]
    found = [
        ("Boundary IoU", "Only pixels within 2 % of the diagonal of a contour count (Cheng et al. 2021). Dotted: what "
         "true labels of one grid cell each would score.", lambda axes: _levels(axes, scores, looks)),
        ("Scores by distance to a boundary", "Pixels up to so far from another class (trimaps).",
         lambda axes: _bands(axes[0], scores.rows, looks)),
        ("IoU by size and thickness", "Connected parts below 32² and 96² pixels, and above; thin: narrower than 2 % "
         "of the diagonal.", lambda axes: _groups(axes[0], {row: [each[thing] for thing in things]
                                                  for row, each in scores.rows.items()}, things, looks)),
    ]  # fmt: skip
    drawn = [
        (title, caption, _figure(draw, rows, looks, f"{name}-upsampling-{index}", title, panels=2 - bool(index)))
        for index, (title, caption, draw) in enumerate(found)
    ]
    if any(scores.closed.values()):
        title = "Share of the gap that a module closes"
        caption = "0 % is the row without upsampling, 100 % what true labels of one cell of the grid each would score."
        picture = _figure(
            lambda axes: _closed(axes, scores, looks), rows, looks, f"{name}-upsampling-closed", title, panels=2
        )
        drawn.append((title, caption, picture))
    return drawn


def _figure(
    draw: Callable[[Sequence[Axes]], None], rows: Sequence[str], looks: Looks, name: str, title: str, *, panels: int
) -> Markup:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.5, 4.2), layout="constrained")
        draw(list(figure.subplots(1, panels, squeeze=False)[0]))
        handles = [mpl.lines.Line2D([], [], **looks[row]) for row in rows]
        figure.legend(handles, rows, loc="outside right upper", frameon=False)
        return Markup(svg(figure, name, title))


def _levels(axes: Sequence[Axes], scores: UpsamplingScores, looks: Looks) -> None:
    for place, measure in zip(axes, (BOUNDARY_IOU, MIOU), strict=True):
        _groups(place, {row: [each[measure]] for row, each in scores.rows.items()}, [""], looks)
        for stride, level in scores.grids[measure].items():
            place.axhline(level, color="#888888", linestyle=":")
            place.annotate(f"grid {stride}", (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom")
        place.set_title(f"{measure}, %", loc="left", fontsize=11)


def _bands(axes: Axes, rows: Mapping[str, Mapping[str, Estimate]], looks: Looks) -> None:
    for row, estimates in rows.items():
        each = {far: estimates[band] for far, band in zip(DISTANCES, BANDS, strict=True) if band in estimates}
        low, high = [one.low for one in each.values()], [one.high for one in each.values()]
        axes.fill_between(list(each), low, high, color=looks[row]["color"], alpha=0.12, linewidth=0)
        axes.plot(list(each), [one.value for one in each.values()], **looks[row])
    axes.set_xscale("log", base=2)
    axes.set_xticks(DISTANCES, [str(distance) for distance in DISTANCES])
    axes.set_xlabel("pixels to another class, at most")
    axes.set_ylabel("mIoU (%)")


def _groups(axes: Axes, rows: Mapping[str, Sequence[Estimate]], names: Sequence[str], looks: Looks) -> None:
    """Draw a group of points with their intervals at every name."""
    step = 0.8 / len(rows)
    for index, (row, estimates) in enumerate(rows.items()):
        places = [group + (index - (len(rows) - 1) / 2) * step for group in range(len(estimates))]
        values = [each.value for each in estimates]
        ends = [[each.value - each.low for each in estimates], [each.high - each.value for each in estimates]]
        axes.errorbar(places, values, ends, **{**looks[row], "linestyle": "none"}, capsize=3)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("%")


def _closed(axes: Sequence[Axes], scores: UpsamplingScores, looks: Looks) -> None:
    for place, (measure, rows) in zip(axes, scores.closed.items(), strict=True):
        strides = sorted(set.intersection(*(set(each) for each in rows.values()))) if rows else []
        shown = {row: [each[stride] for stride in strides] for row, each in rows.items()}
        if strides:
            _groups(place, shown, [f"grid {stride}" for stride in strides], looks)
        place.set_title(f"of {measure}, %", loc="left", fontsize=11)
