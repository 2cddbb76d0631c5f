"""Feature Pyramid Network (arXiv:1612.03144, section 3), read out at stride 8."""

from functools import partial

from torch import Tensor, nn

from fastfcn.models.features import Channels
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.top_down import TopDown
from fastfcn.options import OfNetwork, Width


class FPN(TopDown):
    """Top-down pathway over C5, C4, C3 with lateral 1x1 convolutions, smoothed by a 3x3 convolution at stride 8.

    As in the FPN paper there is neither normalisation nor ReLU, and `width` is 256. We resize bilinearly where that
    paper repeats pixels, as everywhere in FastFCN.
    """

    def __init__(self, channels: Channels, *, width: Width = 256, align_corners: OfNetwork = True) -> None:
        lateral = partial(nn.Conv2d, kernel_size=1)
        super().__init__(channels, width=width, lateral=lateral, merge=partial(ResizedSum, align_corners=align_corners))


class ResizedSum(nn.Module):
    """Adds a lateral map to the level above, resized bilinearly."""

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, upper: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, width, H, W) for `upper` (B, width, h, w) and `lateral` (B, width, H, W)."""
        height, width = lateral.shape[-2:]
        return lateral + resize(upper, (height, width), align_corners=self.align_corners)
