"""Mean and deviation of the colours that a backbone's weights were trained with."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import timm
import torch
from torch import Tensor

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Statistics:
    """`mean` and `std` of RGB values in 0..1."""

    mean: Colour
    std: Colour

    def normalise(self, images: Tensor) -> Tensor:
        """Turn uint8 images (B, 3, H, W) into the float32 that a network reads."""
        mean, std = _constants(self, images.device)
        return (images.float() - mean) / std

    def black(self, device: torch.device) -> Tensor:
        """Return a black pixel (3, 1, 1), normalised: what images are padded with."""
        values = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        return torch.tensor(values, device=device).view(3, 1, 1)


IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # the authors', and most weights'

HALF = Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OTHERS = {  # pretrained_settings of SMP up to 0.4, which came with the package: by the beginning of a name
    "inception": HALF,
    "xception": HALF,
    "dpn": Statistics((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3),
}


@functools.lru_cache
def _constants(statistics: Statistics, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation in 0..255, copied to the device once, not for every batch."""
    with torch.inference_mode(mode=False):  # what is kept must serve in training too
        mean, std = (
            torch.tensor(values, device=device).view(3, 1, 1) * 255 for values in (statistics.mean, statistics.std)
        )
    return mean, std


def statistics_of(name: str) -> Statistics:
    """Return what the pretrained weights of an SMP encoder expect: for `tu-NAME`, what timm's `pretrained_cfg` says.

    SMP keeps those of its own encoders on a hub; here they stand in OTHERS, and all that it does not name are
    ImageNet's.
    """
    if name.startswith("tu-"):
        found = timm.get_pretrained_cfg(name.removeprefix("tu-"))
        return IMAGENET if found is None else Statistics(three(found.mean), three(found.std))
    return next((statistics for prefix, statistics in OTHERS.items() if name.startswith(prefix)), IMAGENET)


def three(values: Sequence[float]) -> Colour:
    """Return a colour of three values."""
    red, green, blue = values
    return float(red), float(green), float(blue)
