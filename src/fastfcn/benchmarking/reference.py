"""The plain PyTorch formulation that the suite's own is measured against."""

import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.data.dataset import IGNORE
from fastfcn.models.layers.encoding import Encoding
from fastfcn.training.losses import SegmentationLoss


class ExpandedEncoding(nn.Module):
    """The Encoding layer as the authors' Python code has it: every residual is stored, (B, N, K, D)."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self.codewords = encoding.codewords
        self.scale = encoding.scale

    def forward(self, x: Tensor) -> Tensor:
        """Encode `x` (B, D, H, W) as (B, K, D)."""
        pixels = x.flatten(2).transpose(1, 2)  # (B, N, D)
        residuals = pixels[:, :, None] - self.codewords  # (B, N, K, D)
        assignment = (self.scale * residuals.square().sum(3)).softmax(2)  # (B, N, K)
        return (assignment[..., None] * residuals).sum(1)


def expand_encodings(network: nn.Module) -> None:
    """Put the expanded formulation in place of every Encoding layer of `network`, with the same parameters."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Encoding):
                setattr(parent, name, ExpandedEncoding(child))


class PlainLoss(SegmentationLoss):
    """The training objective on logits of the masks' size, whole batches at once."""

    def mean_loss(self, logits: Tensor, masks: Tensor, *, align_corners: bool) -> Tensor:
        """Return PyTorch's own cross-entropy."""
        smoothing = self.label_smoothing
        return F.cross_entropy(logits, masks, self.weights, ignore_index=IGNORE, label_smoothing=smoothing)
