"""What a head promises to the network around it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from fastfcn.models.features import Features, HeadOutput


class Head(nn.Module, ABC):
    """Turns the upsampled map into class logits. A subclass takes `inputs` (a HeadInputs) and `num_classes`."""

    @abstractmethod
    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, inputs.channels, h, w); the backbone's `features` are there for lateral connections."""


def classifier(in_channels: int, num_classes: int) -> nn.Sequential:
    """Every head's end: dropout of whole channels (0.1, the authors' code) and a 1x1 convolution with bias."""
    return nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(in_channels, num_classes, 1))
