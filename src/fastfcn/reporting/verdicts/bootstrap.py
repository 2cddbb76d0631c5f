"""mIoU over images drawn again and again: the bootstrap (Efron and Tibshirani 1993), paired by equal draws for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.reporting.per_image import Counts

DRAWS = 1000
SEED = 0  # of the draws: the same files give the same verdicts

Floats = NDArray[Any]  # of floating point


@dataclass(frozen=True)
class Sample:
    """Scores of a row as fractions: mIoU of every seed (S,), IoU of every seed and class (S, C), NaN where absent.

    `draws` (B,) and `iou_draws` (B, C) are the means over its seeds on the images of every draw.
    """

    miou: Floats
    iou: Floats
    draws: Floats
    iou_draws: Floats


class Resampling:
    """Draws of as many images as there are, with replacement; `truth` (N, C) counts each image's pixels by class.

    Sums over a draw are of float32, twice as fast: they count whole pixels to a ten millionth.
    """

    def __init__(self, truth: Floats, *, draws: int = DRAWS) -> None:
        self.images = len(truth)
        rng = np.random.default_rng(SEED)
        drawn = rng.multinomial(self.images, np.full(self.images, 1 / self.images), draws)
        self.weights = drawn.astype(np.float32)
        self.truth = truth
        self._drawn_truth = self._summed(truth)

    def sample(self, seeds: Sequence[Counts]) -> Sample:
        """Score a row, every seed of which has the truth of this."""
        iou = np.stack([whole_iou(counts) for counts in seeds])
        drawn = np.stack([self._drawn_iou(counts) for counts in seeds])
        absent = np.isnan(drawn)
        with np.errstate(invalid="ignore"):
            classes = np.where(absent, 0, drawn).sum(0) / (~absent).sum(0)
        return Sample(mean_iou(iou), iou, mean_iou(drawn).mean(0), classes)

    def _drawn_iou(self, counts: Counts) -> Floats:
        """IoU of every class (B, C) from confusions summed over the images of a draw, as over those of a split."""
        return class_iou(self._summed(counts.correct), self._drawn_truth, self._summed(counts.predicted))

    def _summed(self, pixels: Floats) -> Floats:
        return np.asarray(self.weights @ pixels.astype(np.float32))


def whole_iou(counts: Counts) -> Floats:
    """IoU of every class (C,) over all images."""
    return class_iou(counts.correct.sum(0), counts.truth.sum(0), counts.predicted.sum(0))


def class_iou(correct: Floats, truth: Floats, predicted: Floats) -> Floats:
    """Intersection over union of classes by their pixels (..., C), NaN for a class that occurs nowhere."""
    with np.errstate(invalid="ignore"):
        return np.asarray(correct / (truth + predicted - correct))


def mean_iou(iou: Floats) -> Floats:
    """Mean of the classes that occur (..., C), 0 where none does: as evaluate.py has it."""
    present = ~np.isnan(iou)
    return np.asarray(np.where(present, iou, 0).sum(-1) / np.maximum(present.sum(-1), 1))
