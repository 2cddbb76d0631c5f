"""The training objective (FastFCN's code; EncNet, arXiv:1803.08904, section 3.2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.options import NotNegative
from fastfcn.training.cross_entropy import UpsampledCrossEntropy


@dataclass
class Losses:
    """The parts, each weighted already, and their sum. A part that the network does not have is None."""

    total: Tensor
    segmentation: Tensor
    auxiliary: Tensor | None
    presence: Tensor | None

    def named(self) -> dict[str, Tensor]:
        """Return the parts that exist, by name."""
        parts = {"segmentation": self.segmentation, "auxiliary": self.auxiliary, "presence": self.presence}
        return {name: part for name, part in parts.items() if part is not None}


class SegmentationLoss(nn.Module):
    """Cross-entropy + aux_weight * auxiliary cross-entropy + presence_weight * presence loss."""

    def __init__(self, *, aux_weight: NotNegative, presence_weight: NotNegative) -> None:
        super().__init__()
        self.aux_weight = aux_weight
        self.presence_weight = presence_weight

    def forward(self, prediction: Prediction, masks: Tensor, *, align_corners: bool = True) -> Losses:
        """Compare `prediction` with `masks` (B, H, W), int64 class indices or IGNORE.

        Logits smaller than the masks are resized to them.
        """
        segmentation = pixel_loss(prediction.logits, masks, align_corners=align_corners)
        auxiliary = presence = None
        if prediction.aux is not None:
            auxiliary = self.aux_weight * pixel_loss(prediction.aux, masks, align_corners=align_corners)
        if prediction.presence is not None:
            presence = self.presence_weight * presence_loss(prediction.presence, masks)
        parts = [part for part in (segmentation, auxiliary, presence) if part is not None]
        return Losses(torch.stack(parts).sum(), segmentation, auxiliary, presence)


def pixel_loss(logits: Tensor, masks: Tensor, *, align_corners: bool = True) -> Tensor:
    """Mean cross-entropy of the labelled pixels; 0 where there are none. `logits` may be of any stride."""
    total: Tensor = UpsampledCrossEntropy.apply(logits, masks, align_corners)
    return total / (masks != IGNORE).sum().clamp(min=1)


def presence_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of presence logits (B, C), mean over classes and images."""
    return F.binary_cross_entropy_with_logits(logits.float(), class_presence(masks, logits.shape[1]))


def class_presence(masks: Tensor, num_classes: int) -> Tensor:
    """Tell which classes occur in each mask (B, H, W): float32 zeros and ones (B, num_classes)."""
    labels = torch.where(masks == IGNORE, num_classes, masks).flatten(1)
    present = torch.zeros(len(masks), num_classes + 1, device=masks.device)
    return present.scatter_(1, labels, 1.0)[:, :num_classes]
