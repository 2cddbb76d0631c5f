"""The training objective, by default that of FastFCN's code (EncNet, arXiv:1803.08904, section 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.options import ClassWeights, NotNegative, Probability, Share
from fastfcn.training.cross_entropy import UpsampledCrossEntropy
from fastfcn.training.hard_pixels import hard_pixels
from fastfcn.training.terms.base import LossTerm

BALANCED = "balanced"  # class weights, to be counted
PARTS = ("segmentation", "auxiliary", "presence")


@dataclass
class Losses:
    """The parts, each weighted already, and their sum. A part that the network does not have is None."""

    total: Tensor
    segmentation: Tensor
    auxiliary: Tensor | None
    presence: Tensor | None
    terms: dict[str, Tensor] = field(default_factory=dict)

    def named(self) -> dict[str, Tensor]:
        """Return the parts that exist, by name."""
        parts = {name: getattr(self, name) for name in PARTS}
        return {name: part for name, part in parts.items() if part is not None} | self.terms


class SegmentationLoss(nn.Module):
    """Cross-entropy, auxiliary cross-entropy, presence loss and `terms` of the main logits, by their weights.

    Both cross-entropies weigh pixels by `class_weights`, one a class, and are means by weight, as PyTorch's are.
    `label_smoothing` is PyTorch's. `ohem_threshold` leaves of the labelled pixels those of a smaller probability, and
    at least the share `ohem_min_kept` of all pixels of a process's batch; weights and means are then those of the
    pixels that are left.
    """

    weights: Tensor | None

    def __init__(
        self,
        *,
        aux_weight: NotNegative,
        presence_weight: NotNegative,
        segmentation_weight: NotNegative = 1.0,
        class_weights: ClassWeights = None,
        label_smoothing: Share = 0.0,
        ohem_threshold: Probability | None = None,
        ohem_min_kept: Share = 1 / 16,
        terms: Mapping[str, LossTerm] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(class_weights, str):
            raise ValueError(f"loss.class_weights={class_weights} needs training masks to count: give a list here")
        if class_weights is not None and not any(class_weights):
            raise ValueError("loss.class_weights must have a weight above 0")
        for name in PARTS:
            if name in (terms or {}):
                raise ValueError(f"loss.terms.{name} has the name of another part of the loss; choose another")
        self.aux_weight = aux_weight
        self.presence_weight = presence_weight
        self.segmentation_weight = segmentation_weight
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing
        self.ohem_threshold, self.ohem_min_kept = ohem_threshold, ohem_min_kept
        self.terms = nn.ModuleDict(terms or {})
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("weights", weights, persistent=False)  # the description has them

    def forward(self, prediction: Prediction, masks: Tensor, *, align_corners: bool = True) -> Losses:
        """Compare `prediction` with `masks` (B, H, W), int64 class indices or IGNORE.

        Logits smaller than the masks are resized to them.
        """
        main, aux = prediction.logits, prediction.aux
        segmentation = self.segmentation_weight * self.pixel_loss(main, masks, align_corners=align_corners)
        auxiliary = presence = None
        if aux is not None:
            auxiliary = self.aux_weight * self.pixel_loss(aux, masks, align_corners=align_corners)
        if prediction.presence is not None:
            presence = self.presence_weight * presence_loss(prediction.presence, masks)
        terms = {name: term(main, masks, align_corners=align_corners) for name, term in self.terms.items()}
        parts = [part for part in (segmentation, auxiliary, presence, *terms.values()) if part is not None]
        return Losses(torch.stack(parts).sum(), segmentation, auxiliary, presence, terms)

    def pixel_loss(self, logits: Tensor, masks: Tensor, *, align_corners: bool) -> Tensor:
        """Return the cross-entropy of `logits` (B, C, h, w) of any stride."""
        if self.weights is not None and len(self.weights) != logits.shape[1]:
            raise ValueError(f"loss.class_weights has {len(self.weights)} weights for {logits.shape[1]} classes")
        if self.ohem_threshold is not None:
            masks = hard_pixels(
                logits, masks, threshold=self.ohem_threshold, min_kept=self.ohem_min_kept, align_corners=align_corners
            )
        return self.mean_loss(logits, masks, align_corners=align_corners)

    def mean_loss(self, logits: Tensor, masks: Tensor, *, align_corners: bool) -> Tensor:
        """Return the cross-entropy of all labelled pixels."""
        return pixel_loss(
            logits, masks, align_corners=align_corners, weights=self.weights, smoothing=self.label_smoothing
        )


def pixel_loss(
    logits: Tensor,
    masks: Tensor,
    *,
    align_corners: bool = True,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean cross-entropy of the labelled pixels, by the weight (C,) of their class; 0 where there are none.

    `logits` may be of any stride.
    """
    total: Tensor = UpsampledCrossEntropy.apply(logits, masks, align_corners, weights, smoothing)
    return total / _weight_of(masks, weights)


def _weight_of(masks: Tensor, weights: Tensor | None) -> Tensor:
    """Sum the weights of the labelled pixels, or count them; 1 where that is 0."""
    labelled = masks != IGNORE
    if weights is None:
        return labelled.sum().clamp(min=1)
    weight = (weights[torch.where(labelled, masks, 0)] * labelled).sum()
    return torch.where(weight > 0, weight, 1.0)


def presence_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of presence logits (B, C), mean over classes and images."""
    return F.binary_cross_entropy_with_logits(logits.float(), class_presence(masks, logits.shape[1]))


def class_presence(masks: Tensor, num_classes: int) -> Tensor:
    """Tell which classes occur in each mask (B, H, W): float32 zeros and ones (B, num_classes)."""
    labels = torch.where(masks == IGNORE, num_classes, masks).flatten(1)
    present = torch.zeros(len(masks), num_classes + 1, device=masks.device)
    return present.scatter_(1, labels, 1.0)[:, :num_classes]
