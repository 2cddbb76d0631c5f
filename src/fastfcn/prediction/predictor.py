"""A network, a protocol and a precision: from an image to what is said of its pixels."""

import re
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from fastfcn.checkpoints import Checkpoint, network_of
from fastfcn.data.dataset import Pixels, UInt8
from fastfcn.evaluation.protocols import Protocol
from fastfcn.exporting.feeding import network_of_file
from fastfcn.exporting.formats import Opened
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter, Network
from fastfcn.models.normalisation import RGB
from fastfcn.models.segmenter import Segmenter
from fastfcn.numerics import Precision, autocast
from fastfcn.options import holds
from fastfcn.prediction.maps import Predicted, Unknown, decide

DEVICE = re.compile("auto|cpu|mps|(cuda|xpu)(:[0-9]+)?")
Device = Annotated[str, holds("auto, cpu, cuda or cuda:N", lambda value: DEVICE.fullmatch(value) is not None)]


@torch.inference_mode()
def segment(network: Network, protocol: Protocol, image: Pixels) -> UInt8:
    """Return the class index of every pixel of an image (H, W, C)."""
    labels: UInt8 = protocol.labels(network, normalised(network, image))[0].to(torch.uint8).cpu().numpy()
    return labels


def normalised(network: Network, image: Pixels) -> Tensor:
    """Bring an image (H, W, C), uint8 or floats in 0..1, to the network's device, as it reads it: (1, C, H, W)."""
    pixels = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)
    return network.normalise(pixels.to(next(network.parameters()).device))


def open_predictor(
    source: Checkpoint | Opened,
    protocol: Protocol,
    *,
    device: torch.device,
    temperature: float,
    unknown: Unknown,
    precision: Precision,
    optimize: bool,
    channels: int = RGB,
) -> "Predictor":
    """Build a checkpoint's network on a device, or take a file's, which knows its own.

    Raises ValueError for one that does not read images of `channels`.
    """
    network: Network = network_of_file(source) if isinstance(source, Opened) else network_of(source).to(device)
    network.statistics.require(channels, "those that are read from files")
    if optimize and isinstance(network, Segmenter):
        network = FastSegmenter(network, compile_after=COMPILE_AFTER)
    return Predictor(network, protocol, temperature, unknown, precision)


@dataclass(frozen=True)
class Predictor:
    """Predicts images one by one; probabilities are those at `temperature`."""

    network: Network
    protocol: Protocol
    temperature: float
    unknown: Unknown
    precision: Precision

    def __call__(self, image: Pixels) -> Predicted:
        """Predict an image (H, W, C) with all probabilities of its classes, a number a class and pixel."""
        return decide(self.scores(normalised(self.network, image)), self.temperature, self.unknown)

    @torch.inference_mode()
    def scores(self, images: Tensor) -> Tensor:
        """Return the class scores (1, C, H, W) of a normalised image (1, channels, H, W)."""
        with self.autocast():
            return self.protocol.scores(self.network, images).float()

    def autocast(self) -> torch.autocast:
        """Return the context that computes in `precision`."""
        return autocast(self.precision, next(self.network.parameters()).device)
