"""How a whole image is scored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fastfcn.composition import build
from fastfcn.evaluation.argmax import resized_argmax
from fastfcn.models.inference import Network
from fastfcn.models.layers.resize import resize

PAPER_SIZES = {"base_size": 520, "crop_size": 480}


class Protocol(ABC):
    """Turns a normalised image (1, C, H, W) of any size into class scores or labels; metrics' keys end in `name`."""

    name: str
    several = False  # images of one size at once

    @abstractmethod
    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Score every pixel: (1, C, H, W); the class is the argmax."""

    @abstractmethod
    def labels(self, network: Network, images: Tensor) -> Tensor:
        """Return exactly the argmax of the scores, (1, H, W), without a number per class and pixel in memory."""


class FullImage(Protocol):
    """One pass over the whole image at its own size; takes images of one size together, (B, C, H, W)."""

    name = "full"
    several = True

    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Return the network's logits, resized in float32."""
        logits: Tensor = network(images, upsample=False).logits.float()
        return resize(logits, (images.shape[-2], images.shape[-1]), align_corners=network.align_corners)

    def labels(self, network: Network, images: Tensor) -> Tensor:
        """Return the classes of the network's logits, which are resized some classes at a time."""
        logits: Tensor = network(images, upsample=False).logits.float()
        return resized_argmax(logits, (images.shape[-2], images.shape[-1]), align_corners=network.align_corners)


def build_protocol(node: Mapping[str, Any], augmentation: Mapping[str, Any]) -> Protocol:
    """Build a protocol; sizes that the configuration leaves open are those of training, or else the paper's."""
    sizes = {**PAPER_SIZES, **augmentation}
    filled = {key: sizes[key] if key in PAPER_SIZES and value is None else value for key, value in node.items()}
    protocol: Protocol = build(filled, "protocol")
    return protocol
