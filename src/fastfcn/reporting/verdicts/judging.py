"""Verdicts on every two rows of a table: better, worse, equivalent within a margin, or undecided."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from fastfcn.reporting.verdicts.bootstrap import Sample
from fastfcn.reporting.verdicts.significance import LEVEL, Differences, Floats, holm, pooled_variance

MARGIN = 1.0  # points of mIoU
BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"


@dataclass(frozen=True)
class Verdict:
    """What is known of `one` against `other`, in points: the difference and its 95 % interval.

    `error` and `freedom` are its standard error and degrees of freedom; `p` is corrected by Holm. `detectable` is the
    smallest difference that this table would have found in four of five cases. What would decide an undecided pair,
    were the difference as measured: so many seeds a row, or images; None where they alone cannot.
    """

    one: str
    other: str
    difference: float
    low: float
    high: float
    error: float
    freedom: float
    p: float
    word: str
    detectable: float
    seeds_needed: int | None = None
    images_needed: int | None = None


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a table of so many images; `seeds_known` if any row has two seeds."""

    samples: Mapping[str, Sample]
    images: int
    margin: float
    seeds_known: bool
    verdicts: tuple[Verdict, ...]

    def of(self, one: str, other: str) -> Verdict | None:
        """Find the verdict on two rows, whichever stands first in it."""
        return next((each for each in self.verdicts if {each.one, each.other} == {one, other}), None)


def judge(samples: Mapping[str, Sample], *, images: int, margin: float = MARGIN) -> Judgement:
    """Judge every two rows of a table, the better of the two first."""
    order = sorted(samples, key=lambda label: -samples[label].miou.mean())
    spread, freedom = pooled_variance([sample.miou for sample in samples.values()])
    first, second = np.triu_indices(len(order), 1)
    means = np.array([samples[label].miou.mean() for label in order])
    shares = np.array([1 / len(samples[label].miou) for label in order])
    covariance = np.atleast_2d(np.cov(np.stack([samples[label].draws for label in order])))
    own = covariance.diagonal()
    shared = np.maximum(own[first] + own[second] - 2 * covariance[first, second], 0)
    differences = in_points(
        means[first] - means[second], shared, spread * (shares[first] + shares[second]), images, freedom
    )
    pairs = [(order[one], order[other]) for one, other in zip(first, second, strict=True)]
    verdicts = verdicts_on(differences, pairs, margin=margin)
    seeds, more_images = needed(differences, spread=spread, images=images, margin=margin)
    found = [
        replace(each, seeds_needed=seeds[index], images_needed=more_images[index]) if each.word == UNDECIDED else each
        for index, each in enumerate(verdicts)
    ]
    return Judgement(samples, images, margin, freedom > 0, tuple(found))


def not_worse(judgement: Judgement, than: str) -> list[str]:
    """Name the rows that surely lose less than the margin against one, corrected for the number of rows."""
    pairs = [each for each in judgement.verdicts if than in (each.one, each.other)]
    level = LEVEL / max(len(pairs), 1)
    sure = [each for each in pairs if judgement.seeds_known and _loss(each, than, level) < judgement.margin]
    return [than, *(each.one if each.other == than else each.other for each in sure)]


def _loss(verdict: Verdict, than: str, level: float) -> float:
    """Return the most, in points, that the other row of a verdict may lose against `than`."""
    lead = verdict.difference if verdict.one == than else -verdict.difference
    return lead + float(stdtrit(verdict.freedom, 1 - level)) * verdict.error


def judge_classes(judgement: Judgement, one: str, other: str, classes: Sequence[str]) -> dict[str, Verdict]:
    """Judge two rows by the IoU of every class that both have in all seeds; p is corrected for the classes."""
    first, second = judgement.samples[one], judgement.samples[other]
    spread, freedom = pooled_variance([sample.iou for sample in judgement.samples.values()])
    value = first.iou.mean(0) - second.iou.mean(0)
    present = np.isfinite(value) & np.isfinite(spread)
    drawn = (first.iou_draws - second.iou_draws)[:, present].astype(float)
    shares = 1 / len(first.iou) + 1 / len(second.iou)
    differences = in_points(
        value[present], np.nanvar(drawn, axis=0, ddof=1), spread[present] * shares, judgement.images, freedom
    )
    named = [name for name, there in zip(classes, present, strict=True) if there]
    verdicts = verdicts_on(differences, [(one, other)] * len(named), margin=judgement.margin)
    return dict(zip(named, verdicts, strict=True))


def judge_published(judgement: Judgement, published: Mapping[str, float]) -> list[Verdict]:
    """Judge rows against published numbers, in percent, each taken for one run that varies as ours do."""
    labels = [label for label in published if label in judgement.samples]
    samples = [judgement.samples[label] for label in labels]
    spread, freedom = pooled_variance([sample.miou for sample in judgement.samples.values()])
    differences = in_points(
        np.array([sample.miou.mean() - published[label] / 100 for label, sample in zip(labels, samples, strict=True)]),
        np.array([sample.draws.var(ddof=1) for sample in samples]),
        spread * np.array([1 / len(sample.miou) + 1 for sample in samples]),
        judgement.images,
        freedom,
    )
    pairs = [(label, f"published {published[label]:.2f}") for label in labels]
    return verdicts_on(differences, pairs, margin=judgement.margin)


def in_points(value: Floats, drawn: Floats, seeds: Floats, images: int, freedom: int) -> Differences:
    """Bring fractions to points; the variance of draws is that of images but for a factor."""
    return Differences(100 * value, 1e4 * drawn * images / (images - 1), 1e4 * seeds, images - 1, freedom)


def verdicts_on(differences: Differences, pairs: Sequence[tuple[str, str]], *, margin: float) -> list[Verdict]:
    """Put differences into words."""
    apart, alike = holm(differences.p_values()), holm(differences.p_equivalent(margin))
    low, high = differences.interval()
    detectable = differences.detectable(LEVEL / max(len(pairs), 1))
    verdicts = []
    for index, (one, other) in enumerate(pairs):
        value, p = float(differences.value[index]), float(apart[index])
        word = _word(value, p, float(alike[index]), seeds_known=differences.seeds_freedom > 0)
        ends = float(low[index]), float(high[index])
        error = float(differences.error[index]), float(differences.freedom[index])
        verdicts.append(Verdict(one, other, value, *ends, *error, p, word, float(detectable[index])))
    return verdicts


def _word(value: float, apart: float, alike: float, *, seeds_known: bool) -> str:
    if not seeds_known:
        return UNDECIDED
    if apart < LEVEL:
        return BETTER if value > 0 else WORSE
    return EQUIVALENT if alike < LEVEL else UNDECIDED


def needed(
    differences: Differences, *, spread: Floats, images: int, margin: float
) -> tuple[list[int | None], list[int | None]]:
    """Return the seeds a row, and the images, with which each difference would be decided if it is as measured."""
    settling = differences.settling_error(margin, LEVEL / max(len(differences.value), 1)) ** 2
    seeds = _parts(2e4 * spread, settling - differences.images)
    if not differences.seeds_freedom:  # of one seed a row nothing is decided, on however many images
        return seeds, [None] * len(seeds)
    return seeds, _parts(images * differences.images, settling - differences.seeds)


def _parts(amount: Floats, room: Floats) -> list[int | None]:
    """Divide the variance of one seed, or image, by the room that is left for it; None where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = np.where(room > 0, amount / room, math.inf)
    return [max(2, math.ceil(count)) if math.isfinite(count) else None for count in counts]
