"""How a whole image is scored."""

from abc import ABC, abstractmethod

from torch import Tensor

from fastfcn.models.inference import Network


class Protocol(ABC):
    """Turns normalised images (1, 3, H, W) of any size into class scores (1, C, H, W); metrics' keys end in `name`."""

    name: str

    @abstractmethod
    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Score every pixel; the class is the argmax."""


class FullImage(Protocol):
    """One pass over the whole image at its own size."""

    name = "full"

    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Return the network's logits."""
        logits: Tensor = network(images).logits
        return logits
