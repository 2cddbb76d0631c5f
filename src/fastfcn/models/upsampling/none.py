"""No upsampling: the head runs on the backbone's last map, at its output stride of 32, 16 or 8."""

from torch import Tensor

from fastfcn.models.features import Channels, Features
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.options import OfNetwork


class NoUpsampling(Upsampling):
    """C5 as it is: the plain FCN at output stride 32, the dilated baseline at 8."""

    def __init__(self, channels: Channels, *, align_corners: OfNetwork = True) -> None:
        super().__init__()
        self.out_channels = channels.c5

    def forward(self, features: Features) -> Tensor:
        """Return C5 (B, c5, h, w)."""
        return features.c5
