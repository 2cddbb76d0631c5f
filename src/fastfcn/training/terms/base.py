"""What a further part of the objective is."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from fastfcn.data.dataset import IGNORE
from fastfcn.models.layers.resize import resize
from fastfcn.options import NotNegative


class LossTerm(nn.Module, ABC):
    """Compares the main logits with the masks, at the masks' size and in float32; `weight` times it is added."""

    def __init__(self, *, weight: NotNegative = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, logits: Tensor, masks: Tensor, *, align_corners: bool = True) -> Tensor:
        """Return the weighted term of `logits` (B, C, h, w) of any stride and `masks` (B, H, W).

        It is 0, with a gradient of zeros, where no pixel is labelled.
        """
        nothing = (masks == IGNORE).all()
        known = torch.where(nothing, 0.0, logits.float())  # what measure does with nothing does not reach the logits
        masks = torch.where(nothing, 0, masks)
        with torch.autocast(logits.device.type, enabled=False):
            full = resize(known, (masks.shape[1], masks.shape[2]), align_corners=align_corners)
            return self.weight * torch.where(nothing, 0.0, self.measure(full, masks))

    @abstractmethod
    def measure(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Compare `logits` (B, C, H, W), float32, with `masks` (B, H, W), of which at least one pixel is labelled.

        Pixels that are IGNORE must change neither the value nor the gradient.
        """
