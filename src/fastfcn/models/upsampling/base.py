"""What an upsampling module promises to the network around it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from fastfcn.models.features import Features


class Upsampling(nn.Module, ABC):
    """Turns a backbone's maps into the one map that the head reads.

    A subclass takes `channels` (the backbone's) and `align_corners`, and says how many channels it gives. `refined`
    tells the head that the map comes out of 3x3 convolutions.
    """

    out_channels: int
    refined: bool = False

    @abstractmethod
    def forward(self, features: Features) -> Tensor:
        """Give a map (B, out_channels, h, w) for the backbone's features."""
