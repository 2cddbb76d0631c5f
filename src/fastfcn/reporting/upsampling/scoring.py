"""Scores of rows near boundaries, of small and thin things, and how much of a coarse grid's loss they make good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastfcn.reporting.boundary import BOUNDARY, DISTANCES, NAME, SIZES, STRIDES, THICK, THIN, TRIMAP, read_regions
from fastfcn.reporting.comparison.order import ranked
from fastfcn.reporting.comparison.runs import Run
from fastfcn.reporting.comparison.table import Line
from fastfcn.reporting.per_image import Counts
from fastfcn.reporting.verdicts.bootstrap import Floats, Resampling, Sample, mean_iou, whole_iou
from fastfcn.reporting.verdicts.estimates import Estimate, estimate, interval
from fastfcn.reporting.verdicts.significance import pooled_variance

ROWS = 12  # of a larger table the best are scored: a chart of more is not read
TOLERANCE = 1e-6  # of mIoU, a fraction
GAP = 0.01  # of IoU: of a smaller one no share is told
NONE = "none"  # the upsampling module that does nothing

MIOU, BOUNDARY_IOU = "mIoU", "Boundary IoU"
BANDS = tuple(f"up to {distance}" for distance in DISTANCES)  # pixels from another class: trimaps
THINGS = (*SIZES, THIN, THICK)
MEASURES = {
    MIOU: TRIMAP,
    BOUNDARY_IOU: (BOUNDARY,),
    **{band: TRIMAP[: index + 1] for index, band in enumerate(BANDS)},
    **{thing: (thing,) for thing in THINGS},
}
GRIDS = {MIOU: "grid", BOUNDARY_IOU: "boundary grid"}  # what scores the labels of a grid


@dataclass
class UpsamplingScores:
    """By row, estimates of those MEASURES that have pixels; scores of a grid's labels, and shares of the gap to them.

    `closed[measure][row][stride]` is (row - none) / (grid - none), in percent, for rows beside one without upsampling.
    """

    rows: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    grids: dict[str, dict[int, float]] = field(default_factory=dict)
    closed: dict[str, dict[str, dict[int, Estimate]]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class Measured:
    """Samples of every measure by row; a row whose runs lack a sound boundary.npz of the same images has a reason."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.names: tuple[str, ...] = ()
        self.resampling: dict[str, Resampling] = {}
        self.grids: dict[str, Sample] = {}
        self.samples: dict[str, dict[str, Sample]] = {}
        self.reasons: dict[str, str] = {}
        for line in lines:
            try:
                seeds = [self._read(run) for run in line.runs]
            except (ValueError, OSError) as error:
                absent = isinstance(error, FileNotFoundError)
                self.reasons[line.label] = f"{NAME} is not there" if absent else str(error)
                continue
            self.samples[line.label] = {
                name: self.resampling[name].sample([counts[name] for counts in seeds]) for name in MEASURES
            }

    def _read(self, run: Run) -> dict[str, Counts]:
        regions = read_regions(run.folder / NAME, len(run.result.iou))
        counts = {name: regions.counts(*parts) for name, parts in MEASURES.items()}
        miou = float(mean_iou(whole_iou(counts[MIOU])))
        if abs(miou - run.result.miou) > TOLERANCE:
            text = f"{100 * miou:.4f} mIoU, its result.json says {100 * run.result.miou:.4f}"
            raise ValueError(f"{run.folder / NAME} sums to {text}")
        if not self.names:
            if len(regions.names) < 2:
                raise ValueError(f"{run.folder / NAME} holds {len(regions.names)} images, too few to draw from")
            self.names = regions.names
            self.resampling = {name: Resampling(each.truth) for name, each in counts.items()}
            for measure, prefix in GRIDS.items():
                for stride in STRIDES:
                    name = f"{prefix} {stride}"
                    self.grids[name] = self.resampling[measure].sample([regions.counts(name)])
        same = (np.array_equal(each.truth, self.resampling[name].truth) for name, each in counts.items())
        if regions.names != self.names or not all(same):
            raise ValueError(f"{run.folder / NAME} is of other images, or other masks, than those of the first row")
        return counts


def score_upsampling(lines: Sequence[Line]) -> UpsamplingScores | None:
    """Score the rows of a table that have boundary.npz; None where none has."""
    best = {line.label for line in ranked(lines)[:ROWS]}
    chosen = [line for line in lines if line.label in best]
    measured = Measured(chosen)
    if not measured.samples:
        return None
    found = UpsamplingScores(reasons=measured.reasons)
    spreads = {name: _spread(measured.samples, name) for name in MEASURES}
    for row, samples in measured.samples.items():
        found.rows[row] = {
            name: estimate(sample, *spreads[name], len(measured.names))
            for name, sample in samples.items()
            if measured.resampling[name].truth.any()
        }
    for measure, prefix in GRIDS.items():
        grids = {stride: measured.grids[f"{prefix} {stride}"] for stride in STRIDES}
        found.grids[measure] = {stride: 100 * float(grid.miou.mean()) for stride, grid in grids.items()}
        found.closed[measure] = _closed(chosen, measured, measure, grids)
    return found


def _spread(samples: Mapping[str, Mapping[str, Sample]], measure: str) -> tuple[Floats, int]:
    return pooled_variance([each[measure].miou for each in samples.values()])


def _closed(
    lines: Sequence[Line], measured: Measured, measure: str, grids: Mapping[int, Sample]
) -> dict[str, dict[int, Estimate]]:
    """Say of each row that has one without upsampling beside it, of the same head and backbone, what it closes."""
    spread, freedom = _spread(measured.samples, measure)
    found = {}
    for line in lines:
        base = next((each.label for each in lines if _is_without(each, line) and each.label in measured.samples), None)
        if base in (None, line.label) or line.label not in measured.samples:
            continue
        own, none = (measured.samples[label][measure] for label in (line.label, base or ""))
        shares = {stride: share_closed(own, none, grid, float(spread), freedom) for stride, grid in grids.items()}
        found[line.label] = {
            stride: interval(*share, images=len(measured.names), freedom=freedom)
            for stride, share in shares.items()
            if share
        }
    return {row: each for row, each in found.items() if each}


def _is_without(line: Line, of: Line) -> bool:
    """Tell whether a row is another without its upsampling."""
    one, other = line.runs[0].result.model, of.runs[0].result.model
    return one.upsampling == NONE and (one.head, one.backbone) == (other.head, other.backbone)


def share_closed(
    own: Sample, none: Sample, grid: Sample, spread: float, freedom: int
) -> tuple[float, float, float] | None:
    """Return (own - none) / (grid - none), and the variance that images and seeds give it; None without a gap.

    That of seeds follows from the derivatives of the share by both rows' means.
    """
    row, base, oracle = (float(each.miou.mean()) for each in (own, none, grid))
    gap = oracle - base
    if gap < GAP or (grid.draws - none.draws < GAP / 2).any():
        return None
    share = (row - base) / gap
    drawn = (own.draws - none.draws) / (grid.draws - none.draws)
    seeds = spread / gap**2 * (1 / len(own.miou) + (1 - share) ** 2 / len(none.miou))
    return share, float(drawn.var(ddof=1)), seeds if freedom else 0.0
