"""The top-down pathway of a Feature Pyramid Network (arXiv:1612.03144, section 3), read out at stride 8."""

from collections.abc import Callable

from torch import Tensor, nn

from fastfcn.models.features import Channels, Features
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling


class TopDown(Upsampling):
    """C5 goes down over C4 to C3, joined with each, and a 3x3 convolution smooths the stride-8 level.

    `lateral(in_channels, width)` makes what brings a map of the backbone to `width` channels; `merge()` makes what
    joins the level above (B, width, h, w) with a lateral map (B, width, H, W). FPN's successors differ in these alone.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        width: int,
        lateral: Callable[[int, int], nn.Module],
        merge: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.out_channels = width
        self.lateral5 = nn.Conv2d(channels.c5, width, 1)
        self.lateral4 = lateral(channels.c4, width)
        self.lateral3 = lateral(channels.c3, width)
        self.merge4 = merge()
        self.merge3 = merge()
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Features) -> Tensor:
        """Return the stride-8 level, (B, width, H / 8, W / 8)."""
        p5 = self.lateral5(features.c5)
        p4 = self.merge4(p5, self.lateral4(features.c4))
        p3 = self.merge3(p4, self.lateral3(features.c3))
        smoothed: Tensor = self.smooth(p3)
        return smoothed


class DoubledSum(nn.Module):
    """Adds a lateral map to the level above, which `enlarge` has made twice as large."""

    def __init__(self, enlarge: nn.Module) -> None:
        super().__init__()
        self.enlarge = enlarge

    def forward(self, upper: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, width, H, W) for `upper` (B, width, h, w) and `lateral` (B, width, H, W)."""
        height, width = lateral.shape[-2:]
        doubled: Tensor = self.enlarge(upper)
        if 2 * upper.shape[-2] - height in (0, 1) and 2 * upper.shape[-1] - width in (0, 1):
            return lateral + doubled[..., :height, :width]  # maps of odd sizes were rounded up when they were halved
        return lateral + resize(doubled, (height, width), align_corners=False)  # a dilated backbone's were not halved
