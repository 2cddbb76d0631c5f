"""JPU_X: a pyramid of two joint upsampling steps, from the authors' released code (2020, after the paper)."""

from functools import partial

import torch
from torch import Tensor, nn

from fastfcn.models.features import Channels, Features
from fastfcn.models.layers.convolution import ConvNormReLU, SeparableConv
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.options import OfNetwork, Width

GROUPS = 32  # of the GroupNorm in the separable convolutions, as released


class JointUpsampling(nn.Module):
    """One step: bring a low-resolution map to the size of a high-resolution one, guided by both."""

    def __init__(
        self, low: int, high: int, *, width: int, dilations: tuple[int, ...], align_corners: bool = True
    ) -> None:
        super().__init__()
        self.out_channels = (1 + len(dilations)) * width
        self.align_corners = align_corners
        norm = partial(nn.GroupNorm, GROUPS)
        self.project_low = ConvNormReLU(low, width, 3)
        self.project_high = ConvNormReLU(high, width, 3)
        self.pyramid = nn.ModuleList(
            SeparableConv(2 * width, width, dilation=dilation, norm=norm) for dilation in dilations
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Join `low` (B, low, h, w) and `high` (B, high, H, W) into (B, out_channels, H, W)."""
        height, width = high.shape[-2:]
        upsampled = resize(self.project_low(low), (height, width), align_corners=self.align_corners)
        joined = torch.cat([upsampled, self.project_high(high)], dim=1)
        return torch.cat([upsampled, *(branch(joined) for branch in self.pyramid)], dim=1)


class JPUX(Upsampling):
    """C4 joins C3 at half the width, then C5 joins the result; 4 * width channels at stride 8.

    The first step of 256 channels reaches dilations 1, 2, 4, the second of 512 dilations 2, 4, 8.
    """

    refined = True

    def __init__(self, channels: Channels, *, width: Width = 512, align_corners: OfNetwork = True) -> None:
        super().__init__()
        if width % (2 * GROUPS):
            raise ValueError(f"model.upsampling.width of jpu_x must be a multiple of {2 * GROUPS}, got {width}")
        self.step1 = JointUpsampling(
            channels.c4, channels.c3, width=width // 2, dilations=(1, 2, 4), align_corners=align_corners
        )
        self.step2 = JointUpsampling(
            channels.c5, self.step1.out_channels, width=width, dilations=(2, 4, 8), align_corners=align_corners
        )
        self.out_channels = self.step2.out_channels

    def forward(self, features: Features) -> Tensor:
        """Return the joint map (B, 4 * width, H / 8, W / 8)."""
        joined: Tensor = self.step2(features.c5, self.step1(features.c4, features.c3))
        return joined
