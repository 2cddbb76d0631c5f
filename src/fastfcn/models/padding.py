"""Images padded for encoders that cannot take every size."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 32  # of the last map: what such encoders want sides to be multiples of
# halved five times, 65 is odd each time rounding up and 255 rounding down, and still no 1, which would pass by
# broadcasting; 255 is also wider than what transformers for 224 pixels have positions for
ODD = (65, 255)
TINY = (1, 1)
Encoder = Callable[[Tensor], list[Tensor]]
FAILURES = (AssertionError, IndexError, RuntimeError, ValueError)  # how encoders refuse a size


@dataclass(frozen=True)
class Padding:
    """Sides are padded, right and bottom, to a multiple of `multiple` and to at least `least` pixels.

    With zeros: a convolution's own padding, so that an encoder sees beyond the border what others see there. In
    normalised images that is the mean colour.
    """

    multiple: int = 1
    least: int = 1

    def __call__(self, images: Tensor) -> Tensor:
        """Pad `images` (B, C, H, W); those that need none come back as they are."""
        missing = [self._side(side) - side for side in (images.shape[-1], images.shape[-2])]
        return F.pad(images, (0, missing[0], 0, missing[1])) if any(missing) else images

    def _side(self, side: int) -> int:
        return max(math.ceil(side / self.multiple) * self.multiple, self.least)


def find_padding(encoder: Encoder, channels: int) -> Padding:
    """Try what `encoder`, in eval mode, needs. Raises one of FAILURES if it cannot take sizes other than its own."""
    if _fails(encoder, channels, ODD):
        high, wide = (math.ceil(side / STRIDE) * STRIDE for side in ODD)
        encoder(torch.zeros(1, channels, high, wide))
        return Padding(multiple=STRIDE, least=STRIDE)
    return Padding(least=STRIDE) if _fails(encoder, channels, TINY) else Padding()


def _fails(encoder: Encoder, channels: int, size: tuple[int, int]) -> bool:
    """Tell whether it cannot take images of `size`, or leaves nothing of them."""
    try:
        return any(0 in features.shape[-2:] for features in encoder(torch.zeros(1, channels, *size))[2:])
    except FAILURES:
        return True
