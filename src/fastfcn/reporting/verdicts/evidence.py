"""The per-image results of a table's runs, held against the scores that they must sum to and against each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastfcn.reporting.comparison.cells import Grid
from fastfcn.reporting.comparison.order import overlap
from fastfcn.reporting.comparison.runs import Run
from fastfcn.reporting.comparison.table import Line, Table
from fastfcn.reporting.per_image import NAME, Counts, PerImage, read_per_image
from fastfcn.reporting.verdicts.bootstrap import Resampling, Sample, mean_iou, whole_iou
from fastfcn.reporting.verdicts.estimates import Estimate, estimate
from fastfcn.reporting.verdicts.factorial import Effects, effects, factorial_of
from fastfcn.reporting.verdicts.judging import (
    BETTER,
    MARGIN,
    WORSE,
    Judgement,
    Verdict,
    judge,
    judge_classes,
    judge_published,
)
from fastfcn.reporting.verdicts.significance import pooled_variance
from fastfcn.reporting.verdicts.wording import shown, verdict_grid

MAIN = "Main effects: a part against the first, the mean over all else"
INTERACTIONS = "Interactions: what a part adds here, less what it adds there"
TOLERANCE = 1e-6  # of mIoU, a fraction


@dataclass
class Evidence:
    """Samples of rows whose runs all have their images, and for other rows why not."""

    samples: dict[str, Sample] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    resampling: Resampling | None = None
    right: list[NDArray[np.float64]] = field(default_factory=list)  # share of each image's pixels, by row

    @property
    def differing(self) -> dict[str, float]:
        """By how much the shares of right pixels of the rows lie apart, by image."""
        apart = np.ptp(np.stack(self.right), axis=0)
        return dict(zip(self.names, apart.tolist(), strict=True))

    def add(self, line: Line) -> None:
        """Read the images of a row's runs; what does not fit is told in `reasons`."""
        seeds = []
        for run in line.runs:
            try:
                seeds.append(self._counts(run))
            except (ValueError, OSError) as error:
                reason = str(error).removeprefix(f"{run.folder / NAME} ")
                reason = "is not there" if isinstance(error, FileNotFoundError) else reason
                self.reasons[line.label] = f"{NAME} of seed {run.result.seed} {reason}"
                return
        assert self.resampling is not None
        self.samples[line.label] = self.resampling.sample(seeds)
        self.right.append(seeds[0].correct.sum(1) / np.maximum(seeds[0].truth.sum(1), 1))

    def _counts(self, run: Run) -> Counts:
        images = read_per_image(run.folder / NAME, len(run.result.iou))
        counts = images.counts()
        miou = float(mean_iou(whole_iou(counts)))
        if abs(miou - run.result.miou) > TOLERANCE:
            raise ValueError(f"sums to {100 * miou:.4f} mIoU, its result.json says {100 * run.result.miou:.4f}")
        self._require_paired(images, counts)
        return counts

    def _require_paired(self, images: PerImage, counts: Counts) -> None:
        """Take the first run's images, and raise ValueError for a run of others."""
        if self.resampling is None:
            if len(images.names) < 2:
                raise ValueError(f"holds {len(images.names)} images, too few to draw from")
            self.names, self.resampling = images.names, Resampling(counts.truth)
        if images.names != self.names or not np.array_equal(counts.truth, self.resampling.truth):
            raise ValueError("is of other images, or other masks, than those of the first row")


@dataclass(frozen=True)
class Judged:
    """A table's judgement, None where no row has its images; the verdicts on published numbers; who is left out.

    `effects` are those of a table of every combination of parts; `than` is the row that cheaper ones are held against.

    `differing` says of every image how far the first seeds of the rows lie apart in their shares of right pixels.
    """

    judgement: Judgement | None = None
    published: tuple[Verdict, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    differing: Mapping[str, float] = field(default_factory=dict)
    effects: Effects | None = None
    than: str | None = None

    @cached_property
    def estimates(self) -> Mapping[str, Estimate]:
        """The mIoU of every row that is judged."""
        if self.judgement is None:
            return {}
        samples = self.judgement.samples
        spread, freedom = pooled_variance([sample.miou for sample in samples.values()])
        images = self.judgement.images
        return {label: estimate(sample, spread, freedom, images) for label, sample in samples.items()}

    def is_open(self, one: Line, other: Line) -> bool:
        """Tell whether it is open which of two rows is better; without a verdict, if the ranges of seeds overlap."""
        verdict = None if self.judgement is None else self.judgement.of(one.label, other.label)
        return overlap(one, other) if verdict is None else verdict.word not in (BETTER, WORSE)


NOT_JUDGED = Judged()


def judged_grid(judged: Judged) -> Grid | None:
    """Lay out the verdicts that a reader is shown; None without any."""
    verdicts = [*shown(judged.judgement), *judged.published] if judged.judgement else []
    return verdict_grid(verdicts) if verdicts else None


def effect_grids(judged: Judged) -> dict[str, Grid]:
    """Lay out the effects of a factorial table, by title."""
    if judged.effects is None:
        return {}
    found = {MAIN: judged.effects.main, INTERACTIONS: judged.effects.interactions}
    return {title: verdict_grid(verdicts) for title, verdicts in found.items()}


def named_verdicts(table: Table, judged: Judged) -> Iterator[tuple[str, Verdict]]:
    """Yield every verdict of a table with the class that it is on, "" for mIoU."""
    judgement = judged.judgement
    if judgement is None:
        return
    yield from (("", verdict) for verdict in (*judgement.verdicts, *judged.published))
    classes = list(table.lines[0].runs[0].result.iou)
    for pair in shown(judgement):
        yield from judge_classes(judgement, pair.one, pair.other, classes).items()


def judge_lines(lines: Sequence[Line], *, margin: float = MARGIN, than: str | None = None) -> Judged:
    """Judge the rows of a table that have their images; cheaper rows are held against the row `than`, or the best."""
    evidence = Evidence()
    for line in lines:
        evidence.add(line)
    if not evidence.samples:
        return Judged(reasons=evidence.reasons)
    judgement = judge(evidence.samples, images=len(evidence.names), margin=margin)
    known = {line.label: line.comparable for line in lines if line.comparable is not None}
    factorial = factorial_of(lines)
    return Judged(
        judgement,
        tuple(judge_published(judgement, known)),
        evidence.reasons,
        evidence.differing,
        effects(factorial, judgement) if factorial else None,
        than,
    )
