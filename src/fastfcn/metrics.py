"""pixAcc and mIoU over a whole split."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from fastfcn.data.dataset import IGNORE


@dataclass
class Scores:
    """Fractions in 0..1. `iou` (C,) is NaN for a class that neither prediction nor truth holds; `absent` counts those.

    `majority_miou` is what predicting the commonest class everywhere would score; `confusion` (C, C) counts pixels,
    truth by prediction.
    """

    pixacc: float
    miou: float
    iou: Tensor
    absent: int
    majority_miou: float
    confusion: Tensor


class SegmentationScores(MulticlassConfusionMatrix):
    """Confusion matrix accumulated over a split, ignored pixels out, and summed over processes.

    `absent="skip"` leaves classes that occur nowhere out of mIoU; `"zero"` counts them as 0, as the authors' code does.
    """

    def __init__(self, num_classes: int, *, absent: Literal["skip", "zero"] = "skip") -> None:
        if absent not in ("skip", "zero"):
            raise ValueError(f"absent must be skip or zero, got {absent}")
        super().__init__(num_classes, ignore_index=IGNORE, validate_args=False)
        self.absent = absent

    def scores(self) -> Scores:
        """Summarise what was accumulated."""
        return summarise(self.compute(), absent=self.absent)


def summarise(confusion: Tensor, *, absent: Literal["skip", "zero"] = "skip") -> Scores:
    """Compute the scores of a confusion matrix (C, C), truth by prediction."""
    confusion = confusion.double()
    constant = torch.zeros_like(confusion)
    constant[:, confusion.sum(1).argmax()] = confusion.sum(1)
    iou = class_iou(confusion)
    return Scores(
        pixacc=float(confusion.trace() / confusion.sum().clamp(min=1)),
        miou=_mean(iou, absent),
        iou=iou,
        absent=int(iou.isnan().sum()),
        majority_miou=_mean(class_iou(constant), absent),
        confusion=confusion.long().cpu(),
    )


def class_iou(confusion: Tensor) -> Tensor:
    """Intersection over union a class (C,), NaN where the union is empty."""
    correct = confusion.diagonal()
    return correct / (confusion.sum(0) + confusion.sum(1) - correct)


def _mean(iou: Tensor, absent: Literal["skip", "zero"]) -> float:
    counted = iou.nan_to_num(0) if absent == "zero" else iou[~iou.isnan()]
    return float(counted.mean()) if len(counted) else 0.0
