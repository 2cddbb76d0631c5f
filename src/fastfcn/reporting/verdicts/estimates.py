"""Numbers with their intervals over images and seeds."""

from dataclasses import dataclass

import numpy as np

from fastfcn.reporting.verdicts.bootstrap import Sample
from fastfcn.reporting.verdicts.judging import in_points
from fastfcn.reporting.verdicts.significance import Floats


@dataclass(frozen=True)
class Estimate:
    """A number in percent, and its 95 % interval over images and seeds."""

    value: float
    low: float
    high: float


def estimate(sample: Sample, spread: Floats, freedom: int, images: int) -> Estimate:
    """Put an interval to a row's mean over seeds, whose variance is pooled over rows."""
    drawn, seeds = float(sample.draws.var(ddof=1)), float(spread) / len(sample.miou)
    return interval(float(sample.miou.mean()), drawn, seeds, images=images, freedom=freedom)


def interval(value: float, drawn: float, seeds: float, *, images: int, freedom: int) -> Estimate:
    """Put an interval to a fraction, from the variance that draws of images and that seeds give it."""
    found = in_points(np.array([value]), np.array([drawn]), np.array([seeds]), images, freedom)
    low, high = found.interval()
    return Estimate(100 * value, float(low[0]), float(high[0]))
