"""Scores of where upsampling matters as a table."""

from fastfcn.reporting.boundary import SIZES, STRIDES, THIN
from fastfcn.reporting.comparison.cells import BLANK, Cell, Grid, word
from fastfcn.reporting.upsampling.scoring import BANDS, BOUNDARY_IOU, MIOU, UpsamplingScores
from fastfcn.reporting.verdicts.estimates import Estimate

COLUMNS = (MIOU, BOUNDARY_IOU, BANDS[1], *SIZES, THIN)
TITLE = "Where upsampling matters"
NOTE = (
    "In percent, with 95 % intervals over images and seeds. Up to 2: pixels at most so far from another class. A "
    "grid's row scores true labels of one cell each; what rows close is their part of its lead over no upsampling. "
    "An empty cell: the images have no such pixels, or the lead is less than a point."
)


def upsampling_notes(scores: UpsamplingScores) -> list[str]:
    """Explain the table, and say which rows are not in it."""
    return [NOTE, *(f"Not in it is {row}: {reason}." for row, reason in scores.reasons.items())]


def upsampling_grid(scores: UpsamplingScores) -> Grid:
    """Lay out rows and grids; the share of the gap to the finest grid goes last, by mIoU and by Boundary IoU."""
    finest = STRIDES[0]
    headings = ("row", *COLUMNS, *(f"closes of {measure} to grid {finest}" for measure in scores.closed))
    rows = [
        (
            word(row),
            *(_cell(each.get(name)) for name in COLUMNS),
            *(_cell(closed.get(row, {}).get(finest)) for closed in scores.closed.values()),
        )
        for row, each in scores.rows.items()
    ]
    for stride in STRIDES:
        levels = {measure: level[stride] for measure, level in scores.grids.items()}
        cells = [Cell(f"{levels[name]:.2f}", levels[name]) if name in levels else BLANK for name in COLUMNS]
        rows.append((word(f"grid {stride}"), *cells, *(BLANK for _ in scores.closed)))
    return Grid(headings, (False, *(True for _ in headings[1:])), tuple(rows))


def _cell(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return BLANK
    return Cell(f"{estimate.value:.1f} ({estimate.low:.1f} to {estimate.high:.1f})", estimate.value)
