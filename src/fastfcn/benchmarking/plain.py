"""The plain PyTorch formulation that the suite's own is measured against."""

import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.models.layers.encoding import Encoding
from fastfcn.training.losses import Losses, SegmentationLoss, presence_loss


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

    def forward(self, prediction: Prediction, masks: Tensor, *, align_corners: bool = True) -> Losses:
        """Compare full-size logits with `masks` (B, H, W)."""
        segmentation = F.cross_entropy(prediction.logits, masks, ignore_index=IGNORE)
        total, auxiliary, presence = segmentation, None, None
        if prediction.aux is not None:
            auxiliary = self.aux_weight * F.cross_entropy(prediction.aux, masks, ignore_index=IGNORE)
            total = total + auxiliary
        if prediction.presence is not None:
            presence = self.presence_weight * presence_loss(prediction.presence, masks)
            total = total + presence
        return Losses(total, segmentation, auxiliary, presence)
