"""Adaptive average pooling as matrix products, which exporters can write down for images of any size."""

import torch
from torch import Tensor, nn


class BinMeans(nn.Module):
    """What `nn.AdaptiveAvgPool2d(side)` computes: means over bins; bin i of n pixels begins at floor(i n / side)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Average `x` (B, C, H, W) to (B, C, side, side)."""
        if self.side == 1:
            return x.mean((2, 3), keepdim=True)
        rows, columns = (self._weights(length, x) for length in x.shape[-2:])
        return rows @ x @ columns.transpose(0, 1)

    def _weights(self, length: int, x: Tensor) -> Tensor:
        """Return the matrix (side, length) that averages each bin of a row of `length` pixels."""
        bins = torch.arange(self.side, device=x.device)[:, None]
        pixels = torch.arange(length, device=x.device)[None]
        first = (bins * length) // self.side
        last = ((bins + 1) * length + self.side - 1) // self.side
        return ((pixels >= first) & (pixels < last)).to(x.dtype) / (last - first).to(x.dtype)


def replace_pools(network: nn.Module) -> None:
    """Put BinMeans in the place of every adaptive pooling to square bins, in place."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.AdaptiveAvgPool2d) and isinstance(child.output_size, int):
                setattr(parent, name, BinMeans(child.output_size))
