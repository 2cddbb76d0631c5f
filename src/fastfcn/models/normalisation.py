"""Mean and deviation of the channels of images that a backbone's weights were trained with."""

import functools
from dataclasses import dataclass
from itertools import cycle, islice

import timm
import torch
from torch import Tensor

RGB = 3  # channels
FULL = 255  # of 8 bits


@dataclass(frozen=True)
class Statistics:
    """`mean` and `std` of the values of each channel in 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def channels(self) -> int:
        """Of the images that a network reads."""
        return len(self.mean)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn images (B, C, H, W), uint8 or floats in 0..1, into the float32 that a network reads.

        Raises ValueError for another C.
        """
        self.require(images.shape[1], "these images")
        mean, std = _constants(self, images.device)
        return ((images * FULL if images.is_floating_point() else images.float()) - mean) / std

    def black(self, device: torch.device) -> Tensor:
        """Return a black pixel (C, 1, 1), normalised: what images are padded with."""
        return _black(self, device)

    def require(self, channels: int, images: str) -> None:
        """Raise ValueError if `images`, which have `channels`, are not what the network reads."""
        if channels != self.channels:
            raise ValueError(
                f"the network reads images of {self.channels} channels (model.backbone.in_channels), "
                f"{images} have {channels}; take a network with model.backbone.in_channels={channels}"
            )

    def of(self, channels: int) -> "Statistics":
        """Return those of images with other channels, as pretrained weights of RGB are taken over for them.

        One channel is read by the sum of the weights of three: it gets their average. More read copies of them in turn
        (timm's `adapt_input_conv`), and get theirs.
        """
        if channels == 1 < self.channels:
            return Statistics((sum(self.mean) / self.channels,), (sum(self.std) / self.channels,))
        return Statistics(*(tuple(islice(cycle(values), channels)) for values in (self.mean, self.std)))


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
            torch.tensor(values, device=device).view(-1, 1, 1) * FULL for values in (statistics.mean, statistics.std)
        )
    return mean, std


@functools.lru_cache
def _black(statistics: Statistics, device: torch.device) -> Tensor:
    values = [-mean / std for mean, std in zip(statistics.mean, statistics.std, strict=True)]
    with torch.inference_mode(mode=False):
        return torch.tensor(values, device=device).view(-1, 1, 1)


def statistics_of(name: str) -> Statistics:
    """Return what the pretrained weights of an SMP encoder expect: for `tu-NAME`, what timm's `pretrained_cfg` says.

    SMP keeps those of its own encoders on a hub; here they stand in OTHERS, and all that it does not name are
    ImageNet's.
    """
    if name.startswith("tu-"):
        found = timm.get_pretrained_cfg(name.removeprefix("tu-"))
        return IMAGENET if found is None else Statistics(tuple(map(float, found.mean)), tuple(map(float, found.std)))
    return next((statistics for prefix, statistics in OTHERS.items() if name.startswith(prefix)), IMAGENET)
