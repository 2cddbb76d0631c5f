"""CARAFE: content-aware reassembly of features (arXiv:1905.02188, section 3), in an FPN."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.models.features import Channels
from fastfcn.models.upsampling.top_down import DoubledSum, TopDown
from fastfcn.options import KernelSize, OfNetwork, Width

FACTOR = 2


class Reassembly(nn.Module):
    """Doubles a map: every new pixel is a weighted mean of the `kernel_size` squared old ones around its place.

    The weights are predicted from the map itself: a 1x1 convolution to `compressed` channels, a convolution of
    `encoder_size`, a pixel shuffle, and a softmax over the neighbourhood. Outside the map there are zeros.
    """

    def __init__(self, channels: int, *, kernel_size: int, encoder_size: int, compressed: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.compress = nn.Conv2d(channels, compressed, 1)
        self.encode = nn.Conv2d(compressed, (FACTOR * kernel_size) ** 2, encoder_size, padding=encoder_size // 2)
        nn.init.normal_(self.encode.weight, std=0.001)  # the authors' beginning: nearly a mean over the neighbourhood
        nn.init.zeros_(self.encode.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, x: Tensor) -> Tensor:
        """Double `x` (B, C, h, w)."""
        kernels = F.pixel_shuffle(self.encode(self.compress(x)), FACTOR).softmax(1)  # (B, k * k, 2h, 2w)
        return reassemble(x, kernels)


def reassemble(x: Tensor, kernels: Tensor) -> Tensor:
    """Weigh the neighbourhoods of `x` (B, C, h, w) by `kernels` (B, k * k, 2h, 2w), rows first."""
    batch, channels, height, width = x.shape
    size = int(kernels.shape[1] ** 0.5)
    padded = F.pad(x, [size // 2] * 4)
    taps = kernels.view(batch, size, size, height, FACTOR, width, FACTOR)
    total = torch.zeros(batch, channels, height, FACTOR, width, FACTOR, dtype=x.dtype, device=x.device)
    for row in range(size):  # one neighbour at a time: all at once would take k * k times the memory
        for column in range(size):
            neighbour = padded[..., row : row + height, column : column + width]
            total = total + neighbour[:, :, :, None, :, None] * taps[:, None, row, column]
    return total.reshape(batch, channels, FACTOR * height, FACTOR * width)


class CARAFE(TopDown):
    """FPN that enlarges by reassembly; kernels of 5x5 from an encoder of 3x3 over 64 channels are the paper's."""

    def __init__(
        self,
        channels: Channels,
        *,
        width: Width = 256,
        kernel_size: KernelSize = 5,
        encoder_size: KernelSize = 3,
        compressed: Width = 64,
        align_corners: OfNetwork = True,
    ) -> None:
        enlarge = partial(Reassembly, width, kernel_size=kernel_size, encoder_size=encoder_size, compressed=compressed)
        lateral = partial(nn.Conv2d, kernel_size=1)
        super().__init__(channels, width=width, lateral=lateral, merge=lambda: DoubledSum(enlarge()))
