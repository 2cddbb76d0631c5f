"""Feature Pyramid Network (arXiv:1612.03144, section 3), read out at stride 8."""

from torch import Tensor, nn

from fastfcn.models.features import Channels, Features
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling


class FPN(Upsampling):
    """Top-down pathway over C5, C4, C3 with lateral 1x1 convolutions, smoothed by a 3x3 convolution at stride 8.

    As in the FPN paper there is neither normalisation nor ReLU, and `width` is 256. We resize bilinearly where that
    paper repeats pixels, as everywhere in FastFCN.
    """

    def __init__(self, channels: Channels, *, width: int = 256, align_corners: bool = True) -> None:
        super().__init__()
        self.out_channels = width
        self.align_corners = align_corners
        self.lateral5 = nn.Conv2d(channels.c5, width, 1)
        self.lateral4 = nn.Conv2d(channels.c4, width, 1)
        self.lateral3 = nn.Conv2d(channels.c3, width, 1)
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Features) -> Tensor:
        """Return the stride-8 level, (B, width, H / 8, W / 8)."""
        p5 = self.lateral5(features.c5)
        p4 = self._add(p5, self.lateral4(features.c4))
        p3 = self._add(p4, self.lateral3(features.c3))
        smoothed: Tensor = self.smooth(p3)
        return smoothed

    def _add(self, upper: Tensor, lateral: Tensor) -> Tensor:
        height, width = lateral.shape[-2:]
        return lateral + resize(upper, (height, width), align_corners=self.align_corners)
