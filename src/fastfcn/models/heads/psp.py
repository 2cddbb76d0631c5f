"""PSP head: pyramid pooling (PSPNet, arXiv:1612.01105, section 3.2)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.resize import resize


class PSPHead(Head):
    """Averages in 1, 2, 3 and 6 bins a side, each reduced to a quarter of the channels and joined with the input."""

    def __init__(self, inputs: HeadInputs, num_classes: int, *, bins: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__()
        width = inputs.channels // 4
        self.align_corners = inputs.align_corners
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), ConvNormReLU(inputs.channels, width, 1)) for size in bins
        )
        self.fuse = ConvNormReLU(inputs.channels + len(bins) * width, width, 3)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w)."""
        size = (x.shape[-2], x.shape[-1])
        pooled = [resize(pool(x), size, align_corners=self.align_corners) for pool in self.pools]
        return HeadOutput(self.classify(self.fuse(torch.cat([x, *pooled], dim=1))))
