"""Images padded for encoders that cannot take every size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 32  # of the last map: what such encoders want sides to be multiples of
ODD = 65  # halved five times it is odd each time, rounding up, and still no 1, which would pass by broadcasting
TINY = (1, 1)
FAILURES = (AssertionError, IndexError, RuntimeError, ValueError)  # how encoders refuse a size

Maps = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Padding:
    """Sides are padded, right and bottom, to a multiple of `multiple` and to at least `least` pixels.

    With zeros: a convolution's own padding, so that an encoder sees beyond the border what others see there. In
    normalised images that is the mean colour. Encoders of one size take no side of more than `most` pixels.
    """

    multiple: int = 1
    least: int = 1
    most: int | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Pad `images` (B, C, H, W); those that need none come back as they are. Raises ValueError as `require`."""
        self.require(images.shape[-2], images.shape[-1])
        missing = [self._side(side) - side for side in (images.shape[-1], images.shape[-2])]
        return F.pad(images, (0, missing[0], 0, missing[1])) if any(missing) else images

    def require(self, height: int, width: int) -> None:
        """Raise ValueError, naming what can be done, for images that are larger than the encoder takes."""
        if self.most is not None and max(height, width) > self.most:
            raise ValueError(
                f"the backbone takes images of up to {self.most}x{self.most}, got {height}x{width}; take windows "
                f"(augmentation.crop_size={self.most}, protocol=single_scale protocol.crop_size={self.most}) "
                f"or train one built for more (+model.backbone.image_size={_rounded(max(height, width), STRIDE)})"
            )

    def measured(self, side: int) -> int:
        """Return `side`, or what the encoder takes of it: a size to count and time passes at."""
        return side if self.most is None else min(side, self.most)

    def _side(self, side: int) -> int:
        return max(_rounded(side, self.multiple), self.least)


def find_padding(maps: Maps, channels: int, strides: Sequence[int], own: int | None) -> Padding:
    """Try what an encoder, in eval mode, needs; `own` is the side of the images that it was built for, if it has one.

    `maps` computes C2 to C5. A size is taken if they are where `strides` say: one that rounds sides down would leave
    the last pixels unseen. Raises one of FAILURES if it cannot take any.
    """

    def takes(height: int, width: int) -> bool:
        found = _shapes(maps, channels, height, width)
        return found == [(-(-height // stride), -(-width // stride)) for stride in strides]

    def leaves_nothing(height: int, width: int) -> bool:
        found = _shapes(maps, channels, height, width)
        return found is None or any(0 in shape for shape in found)

    wide = _wider_than(own or 0)
    if takes(ODD, wide - 1):
        return Padding() if takes(*TINY) else Padding(least=STRIDE)
    if takes(96, wide) and takes(32, 160):
        return Padding(multiple=STRIDE, least=STRIDE)
    if own is not None and takes(own, own):
        return Padding(multiple=own, least=own) if takes(own, 2 * own) else Padding(least=own, most=own)
    if not leaves_nothing(ODD, wide - 1):  # convolutions without padding: maps are smaller than sides / stride
        return Padding(least=STRIDE) if leaves_nothing(*TINY) else Padding()
    maps(torch.zeros(1, channels, 96, wide))  # for the encoder's own reason
    return Padding(multiple=STRIDE, least=STRIDE)


def _wider_than(own: int) -> int:
    """Return a power of two, at least 256, of which even 1 less is more than encoders for `own` pixels have places for.

    That odd number rounds down whenever it is halved.
    """
    wide = 256
    while wide - 1 <= own:
        wide *= 2
    return wide


def _shapes(maps: Maps, channels: int, height: int, width: int) -> list[tuple[int, ...]] | None:
    """Return the sizes of the maps of an image; None if the encoder refuses it."""
    try:
        return [tuple(each.shape[-2:]) for each in maps(torch.zeros(1, channels, height, width))]
    except FAILURES:
        return None


def _rounded(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
