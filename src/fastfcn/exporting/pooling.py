"""Average pooling in forms that exporters can write down for images of any size: adaptive pools as matrix products."""

import torch
from timm.layers import AvgPool2dSame
from timm.layers.padding import pad_same_arg
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
    """Put what exporters can write down for any size in the place of pools that they cannot, in place."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if (pool := _written_out(child)) is not None:
                setattr(parent, name, pool)


def _written_out(pool: nn.Module) -> nn.Module | None:
    """Return another form of an adaptive pool to square bins, or of one by steps of 1 that pads as TensorFlow does."""
    if isinstance(pool, nn.AdaptiveAvgPool2d) and isinstance(pool.output_size, int):
        return BinMeans(pool.output_size)
    if isinstance(pool, AvgPool2dSame) and pool.stride == (1, 1):
        left, right, top, bottom = pad_same_arg([1, 1], pool.kernel_size, pool.stride)  # that of any size
        plain = nn.AvgPool2d(pool.kernel_size, 1, count_include_pad=pool.count_include_pad)
        return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), plain)
    return None
