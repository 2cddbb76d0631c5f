"""A network that other software runs, in the place of one of this suite's."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastfcn.models.features import Prediction
from fastfcn.models.normalisation import Statistics

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class ForeignNetwork(nn.Module):
    """Scores images by `run`, of arrays: (B, channels, H, W) in 0..1 to class scores (B, classes, H, W).

    Normalisation is a part of `run`: to normalise images for this network brings them to 0..1 and no further, so that
    protocols may resize and pad them as they do for others.
    """

    def __init__(self, run: Run, *, channels: int, align_corners: bool) -> None:
        super().__init__()
        self.run = run
        self.align_corners = align_corners
        self.statistics = Statistics((0.0,) * channels, (1.0,) * channels)
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)  # tells the device that images are brought to

    def forward(self, images: Tensor, *, upsample: bool = True) -> Prediction:
        """Score `images` (B, C, H, W), in 0..1 or uint8; scores come at that size whether or not it is asked for."""
        values = self.normalise(images) if images.dtype == torch.uint8 else images
        scores = self.run(values.float().cpu().numpy())
        return Prediction(torch.from_numpy(scores).to(images.device))

    def normalise(self, images: Tensor) -> Tensor:
        """Bring images, uint8 or floats in 0..1, to 0..1. Raises ValueError for another number of channels."""
        return self.statistics.normalise(images)
