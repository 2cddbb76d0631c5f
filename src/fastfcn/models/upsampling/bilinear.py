"""Bilinear upsampling: the ablation's simplest rival to JPU."""

from torch import Tensor

from fastfcn.models.features import Channels, Features
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.options import OfNetwork


class Bilinear(Upsampling):
    """C5 resized to the size of C3 (stride 8)."""

    def __init__(self, channels: Channels, *, align_corners: OfNetwork = True) -> None:
        super().__init__()
        self.out_channels = channels.c5
        self.align_corners = align_corners

    def forward(self, features: Features) -> Tensor:
        """Return C5 at stride 8, (B, c5, H / 8, W / 8)."""
        height, width = features.c3.shape[-2:]
        return resize(features.c5, (height, width), align_corners=self.align_corners)
