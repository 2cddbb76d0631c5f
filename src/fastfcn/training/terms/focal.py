"""Focal loss: cross-entropy that fades where the network is sure (arXiv:1708.02002, equation 4)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.data.dataset import IGNORE
from fastfcn.options import NotNegative
from fastfcn.training.terms.base import LossTerm

SURE = 1e-6  # of the truth, less than which 1 - p is not told from 0, where powers below 1 have no slope


class Focal(LossTerm):
    """Mean over labelled pixels of -(1 - p)^gamma ln p, p being the softmax of the truth; at gamma 0 cross-entropy.

    SMP's is a sigmoid of each class against the rest, another model of the classes than the network's softmax, and not
    a number where no pixel is labelled.
    """

    def __init__(self, *, weight: NotNegative = 1.0, gamma: NotNegative = 2.0) -> None:
        super().__init__(weight=weight)
        self.gamma = gamma

    def measure(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Fade the cross-entropy of every pixel."""
        losses = F.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="none")  # 0 where ignored
        doubt = -torch.expm1(-losses)
        return (doubt.clamp(min=SURE).pow(self.gamma) * losses).sum() / (masks != IGNORE).sum()
