"""Pyramid pooling (PSPNet, arXiv:1612.01105, section 3.2)."""

import torch
from torch import Tensor, nn

from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.resize import resize


class PyramidPools(nn.ModuleList):
    """Means of the map in so many `bins` a side, each brought to `width` channels, behind the map itself."""

    def __init__(self, in_channels: int, width: int, bins: tuple[int, ...], *, align_corners: bool) -> None:
        super().__init__(
            nn.Sequential(nn.AdaptiveAvgPool2d(side), ConvNormReLU(in_channels, width, 1)) for side in bins
        )
        self.out_channels = in_channels + len(bins) * width
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """Map `x` (B, in_channels, h, w) to (B, out_channels, h, w)."""
        size = (x.shape[-2], x.shape[-1])
        pooled = [resize(pool(x), size, align_corners=self.align_corners) for pool in self]
        return torch.cat([x, *pooled], dim=1)
