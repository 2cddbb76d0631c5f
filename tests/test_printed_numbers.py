"""Every number in a table of results has a committed result behind it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fastfcn.installation import EXPERIMENTS, ROOT
from fastfcn.reporting.comparison.cells import accuracy_grid
from fastfcn.reporting.comparison.report import build_report
from fastfcn.reporting.verdicts.evidence import judged_grid

PAGES = {
    "README.md": "## Results",
    "experiments/camvid/README.md": "# CamVid",
    "experiments/shapes/README.md": "# Does",
}  # and the heading of their tables
SCALES = {"metrics": 100, "median": 1, "fps": 1, "gflops": 1, "parameters": 1e-6}  # to percent, ms, GFLOPs, millions
NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")
NUMERIC = re.compile(r"[\d.,±+() -]*\d[\d.,±+() %-]*")  # a cell of nothing else
UNMEASURED = {
    # the commonest class of the generated scenes: a fact of the data, which evaluate.py prints
    ("experiments/shapes/README.md", "4.17"),
}


def numbers_of(node: Any, scale: float | None = None) -> Iterator[float]:
    """Yield what tables quote of a result, in their units; of what there is much (rounds, seconds) nothing."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from numbers_of(value, SCALES.get(name, 100 if scale == 100 else None))
    elif isinstance(node, list):
        for value in node:
            yield from numbers_of(value)
    elif scale is not None:
        yield scale * node


@cache
def measured() -> tuple[float, ...]:
    """Every number of a committed result, and those of the tables that report.py makes of them."""
    scaled = [n for path in EXPERIMENTS.rglob("*.json") for n in numbers_of(json.loads(path.read_text()))]
    for folder in sorted(path.parent for path in EXPERIMENTS.glob("*/results")):
        report = build_report(folder, [folder / "results"])
        grids = [accuracy_grid(table, report.speeds.of(table.lines)) for table in report.tables]
        grids += [grid for judged in report.judged if (grid := judged_grid(judged)) is not None]
        cells = [cell.text for grid in grids for row in grid.rows for cell in row]
        scaled += [float(token.replace(",", "")) for text in cells for token in NUMBER.findall(text)]
    scaled += [mean_of_rare(path) for path in EXPERIMENTS.glob("camvid/*_test.json")]
    return tuple(scaled)


def mean_of_rare(path: Path) -> float:
    """The mean IoU of the four rarest classes of CamVid, which its page quotes."""
    iou = json.loads(path.read_text())["iou"]
    return 25 * sum(iou[name] for name in ("pole", "sign symbol", "pedestrian", "bicyclist"))


def printed(page: str, heading: str) -> list[str]:
    """The numbers of cells that hold nothing else, in the tables below a heading."""
    text = (ROOT / page).read_text()
    section = text[text.index(heading) :]
    section = section[: section.find("\n## ", 1)] if heading.startswith("##") else section
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [cell.strip(" *") for line in lines for cell in line.strip("|").split("|")]
    return [
        token
        for cell in cells
        if re.fullmatch(r"[\d.,±+() -]*\d[\d.,±+() %-]*", cell)
        for token in NUMBER.findall(cell)
    ]


def is_measured(token: str) -> bool:
    plain = token.replace(",", "")
    places = len(plain.partition(".")[2])
    return any(abs(float(plain) - value) <= 0.5 * 10**-places + 1e-9 for value in measured())


@pytest.mark.parametrize("page", PAGES)
def test_every_number_of_a_table_is_measured(page: str) -> None:
    tokens = printed(page, PAGES[page])
    assert len(tokens) >= 5
    assert [token for token in tokens if (page, token) not in UNMEASURED and not is_measured(token)] == []


@pytest.mark.parametrize(("measured_as", "mutated"), [("62.38", "62.48"), ("884", "894"), ("57.01", "58.01")])
def test_a_number_with_a_wrong_digit_is_not(measured_as: str, mutated: str) -> None:
    assert not is_measured(mutated)
    assert measured_as not in (ROOT / "README.md").read_text() or is_measured(measured_as)
