"""Tests of differences whose variance has two parts: of the images that were drawn, and of the seeds trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtrinc, stdtr, stdtrit

LEVEL = 0.05  # of error, over all pairs of a table
POWER = 0.8

Floats = NDArray[Any]  # of floating point


@dataclass(frozen=True)
class Differences:
    """Differences (P,), the variance that images and that seeds give to each, and the degrees of freedom of both.

    Of `seeds_freedom` 0 nothing is known of seeds: what is said is of the trained networks, on other images.
    """

    value: Floats
    images: Floats
    seeds: Floats
    images_freedom: int
    seeds_freedom: int

    @property
    def error(self) -> Floats:
        """Standard error."""
        return np.asarray(np.sqrt(self.images + self.seeds))

    @cached_property
    def freedom(self) -> Floats:
        """Degrees of freedom of the sum of both variances (Satterthwaite 1946)."""
        parts = self.images**2 / self.images_freedom + self.seeds**2 / max(self.seeds_freedom, 1)
        whole = (self.images + self.seeds) ** 2
        unknown = np.full_like(whole, self.images_freedom)
        return np.asarray(np.divide(whole, parts, out=unknown, where=parts > 0))

    def p_values(self) -> Floats:
        """Test against no difference, on both sides."""
        return np.asarray(np.minimum(1, 2 * self._beyond(np.abs(self.value))))

    def p_equivalent(self, margin: float) -> Floats:
        """Test against a difference of `margin` or more, by two tests of one side (Schuirmann 1987)."""
        return self._beyond(margin - np.abs(self.value))

    def p_not_worse(self, margin: float) -> Floats:
        """Test against a loss of `margin` or more, on one side."""
        return self._beyond(self.value + margin)

    def interval(self) -> tuple[Floats, Floats]:
        """Return the ends of each difference's own 95 % interval."""
        reach = stdtrit(self.freedom, 1 - LEVEL / 2) * self.error
        return self.value - reach, self.value + reach

    def detectable(self, level: float) -> Floats:
        """Return the difference that a test of both sides at `level` finds with 80 % power, by the noncentral t."""
        return np.asarray(self._multiple(level) * self.error)

    def settling_error(self, margin: float, level: float) -> Floats:
        """Return the standard error with which one of the two tests would decide, were the difference as measured."""
        apart = np.abs(self.value) / self._multiple(level)
        alike = (margin - np.abs(self.value)) / (stdtrit(self.freedom, 1 - level) + stdtrit(self.freedom, POWER))
        return np.asarray(np.maximum(apart, alike))

    def _multiple(self, level: float) -> Floats:
        return np.asarray(nctdtrinc(self.freedom, 1 - POWER, stdtrit(self.freedom, 1 - level / 2)))

    def _beyond(self, distance: Floats) -> Floats:
        """Probability of an estimate that far off; a distance without any error is certain."""
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = distance / self.error
        return np.asarray(stdtr(self.freedom, -np.where(np.isnan(deviation), 0, deviation)))


def holm(p_values: Floats) -> Floats:
    """Correct p values for their number (Holm 1979)."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty_like(stepped)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def pooled_variance(seeds: Sequence[Floats]) -> tuple[Floats, int]:
    """Variance between the seeds of a row (S, ...), one for all rows, and its degrees of freedom; 0 if unknown."""
    freedom = sum(len(each) - 1 for each in seeds)
    squares = np.sum([((each - each.mean(0)) ** 2).sum(0) for each in seeds], axis=0)
    return np.asarray(squares / max(freedom, 1)), freedom
