"""FCN head (arXiv:1411.4038), and the auxiliary head on C4 (PSPNet, arXiv:1612.01105, section 3.3)."""

from torch import Tensor, nn

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU


class FCNHead(Head):
    """3x3 convolution to a quarter of the channels, then the classifier."""

    def __init__(self, inputs: HeadInputs, num_classes: int) -> None:
        super().__init__()
        width = inputs.channels // 4
        self.reduce: nn.Sequential = ConvNormReLU(inputs.channels, width, 3)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w)."""
        return HeadOutput(self.classify(self.reduce(x)))
