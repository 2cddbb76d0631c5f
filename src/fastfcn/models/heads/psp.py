"""PSP head: pyramid pooling (PSPNet, arXiv:1612.01105, section 3.2)."""

from torch import Tensor

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.pyramid_pooling import PyramidPools
from fastfcn.options import Bins


class PSPHead(Head):
    """Averages in 1, 2, 3 and 6 bins a side, each reduced to a quarter of the channels and joined with the input."""

    def __init__(self, inputs: HeadInputs, num_classes: int, *, bins: Bins = (1, 2, 3, 6)) -> None:
        super().__init__()
        width = inputs.channels // 4
        self.pools = PyramidPools(inputs.channels, width, bins, align_corners=inputs.align_corners)
        self.fuse = ConvNormReLU(self.pools.out_channels, width, 3)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w)."""
        return HeadOutput(self.classify(self.fuse(self.pools(x))))
