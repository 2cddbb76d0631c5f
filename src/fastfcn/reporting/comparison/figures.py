"""The charts of a results page, as SVG that lies in the page itself."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fastfcn.reporting.comparison.curves import Curve
from fastfcn.reporting.comparison.order import pareto_front
from fastfcn.reporting.comparison.point_labels import place_labels

# Okabe and Ito's colours, without yellow, which is faint on white: distinct for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names come from files: a dollar is a dollar
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "fastfcn",  # the same data give the same file
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
}


@dataclass(frozen=True)
class Point:
    """A row in the scatter: its cost, with its least and most, and mean mIoU in percent, with an interval."""

    label: str
    cost: float
    mean: float
    low: float
    high: float
    costs: tuple[float, float]


def styles(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give every row a colour, marker and dash that are its own in all charts."""
    return {
        label: {
            "color": COLOURS[index % len(COLOURS)],
            "marker": MARKERS[index % len(MARKERS)],
            "linestyle": DASHES[(index // len(COLOURS) + index) % len(DASHES)],
        }
        for index, label in enumerate(labels)
    }


def scatter(points: Sequence[Point], *, cost: str, falling: bool, name: str) -> str:
    """Draw mIoU against cost, with the Pareto front; `falling` where less cost is worse (images a second)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 4.6), layout="constrained")
        axes = figure.subplots()
        looks = styles([point.label for point in points])
        sign = -1 if falling else 1
        front = [points[index] for index in pareto_front([(sign * point.cost, point.mean) for point in points])]
        axes.plot(
            [point.cost for point in front], [point.mean for point in front], color="#888888", linewidth=1.5, zorder=1
        )
        for point in points:
            look = looks[point.label]
            spread = [[point.mean - point.low], [point.high - point.mean]]
            reach = [[point.cost - point.costs[0]], [point.costs[1] - point.cost]]
            plain = {"color": look["color"], "marker": look["marker"], "markersize": 9, "capsize": 4}
            axes.errorbar(point.cost, point.mean, spread, reach, **plain)
        axes.set_xlabel(cost)
        axes.set_ylabel("mIoU (%)")
        axes.margins(x=0.18, y=0.18)
        lines = [[(point.cost, point.low), (point.cost, point.high)] for point in points]
        lines += [[(point.costs[0], point.mean), (point.costs[1], point.mean)] for point in points]
        lines.append([(point.cost, point.mean) for point in front])
        place_labels(figure, axes, {point.label: (point.cost, point.mean) for point in points}, lines)
        return svg(figure, name, f"mIoU against {cost}")


def learning_curves(
    panels: Mapping[str, Mapping[str, Curve]], labels: Sequence[str], *, name: str, across: str = "optimiser steps"
) -> str:
    """Draw a panel a metric, and in it a line a row: the mean over the seeds within their range."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.5, 4.6), layout="constrained")
        looks = styles(labels)
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, curves) in zip(places, panels.items(), strict=True):
            _panel(axes, title, curves, looks)
            axes.set_xlabel(across)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles = {
            label: handle for axes in places for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        shown = [label for label in labels if label in handles]
        figure.legend([handles[label] for label in shown], shown, loc="outside right upper", frameon=False)
        return svg(figure, name, f"curves over {across}")


def _panel(axes: Axes, title: str, curves: Mapping[str, Curve], looks: Mapping[str, Mapping[str, Any]]) -> None:
    for label, curve in curves.items():
        look = looks[label]
        axes.fill_between(curve.steps, curve.low, curve.high, color=look["color"], alpha=0.18, linewidth=0)
        marked = {"marker": look["marker"], "markevery": max(1, len(curve.steps) // 6), "markersize": 5}
        axes.plot(curve.steps, curve.mean, label=label, color=look["color"], linestyle=look["linestyle"], **marked)
    axes.set_title(title, loc="left", fontsize=11)


def svg(figure: Figure, name: str, description: str) -> str:
    """Return the figure as an element of an HTML page; `name` keeps its ids apart from other figures'."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r' width="[^"]*pt"', "", re.sub(r' height="[^"]*pt"', "", text, count=1), count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)
