"""Joint Pyramid Upsampling (FastFCN, arXiv:1903.11816, section 3.3 and Figure 4)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Channels, Features
from fastfcn.models.layers.convolution import ConvNormReLU, SeparableConv
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.options import Dilations, OfNetwork, Width


class JPU(Upsampling):
    """Approximates a dilated backbone's last map from C3, C4 and C5 of an ordinary one.

    Each map is projected to `width`, all are brought to stride 8 and joined; four separable convolutions with
    growing dilation read the joined map side by side.
    """

    refined = True

    def __init__(
        self,
        channels: Channels,
        *,
        width: Width = 512,
        dilations: Dilations = (1, 2, 4, 8),
        align_corners: OfNetwork = True,
    ) -> None:
        super().__init__()
        self.out_channels = len(dilations) * width
        self.align_corners = align_corners
        self.project5 = ConvNormReLU(channels.c5, width, 3)
        self.project4 = ConvNormReLU(channels.c4, width, 3)
        self.project3 = ConvNormReLU(channels.c3, width, 3)
        self.pyramid = nn.ModuleList(SeparableConv(3 * width, width, dilation=dilation) for dilation in dilations)

    def forward(self, features: Features) -> Tensor:
        """Return the joint map (B, len(dilations) * width, H / 8, W / 8)."""
        joined = self.join(features)
        return torch.cat([branch(joined) for branch in self.pyramid], dim=1)

    def join(self, features: Features) -> Tensor:
        """Bring C5, C4 and C3 to `width` channels and to stride 8, (B, 3 * width, H / 8, W / 8)."""
        p3 = self.project3(features.c3)
        p4 = resize(self.project4(features.c4), p3.shape[-2:], align_corners=self.align_corners)
        p5 = resize(self.project5(features.c5), p3.shape[-2:], align_corners=self.align_corners)
        return torch.cat([p5, p4, p3], dim=1)
