"""Bilinear resizing of feature maps."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Size = tuple[int, int]


def resize(x: Tensor, size: Size, *, align_corners: bool) -> Tensor:
    """Resize `x` (B, C, h, w) to `size` = (H, W). The authors align corners, mmsegmentation does not."""
    if _is_of(size, x):
        return x
    if x.is_cuda and x.requires_grad and torch.is_grad_enabled():
        resized: Tensor = ResizeByProducts.apply(x, size, align_corners)
        return resized
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


def _is_of(size: Size, x: Tensor) -> bool:
    """Tell whether `x` has that size; where any size is traced, only if it always has: to ask would fix the answer."""
    if not torch.compiler.is_exporting():
        return x.shape[-2:] == size
    from torch.fx.experimental.symbolic_shapes import statically_known_true  # brings SymPy along

    return all(statically_known_true(here == there) for here, there in zip(x.shape[-2:], size, strict=True))


def shrink(gradient: Tensor, size: Size, *, align_corners: bool) -> Tensor:
    """Take a gradient (B, C, H, W) by resized maps back to the maps of `size` = (h, w) that they were made of."""
    if gradient.shape[-2:] == size:
        return gradient
    if gradient.is_cuda:
        return shrink_by_products(gradient, size, align_corners=align_corners)
    shape = (*gradient.shape[:2], *size)
    shrunk: Tensor = torch.ops.aten.upsample_bilinear2d_backward(gradient, gradient.shape[-2:], shape, align_corners)
    return shrunk


class ResizeByProducts(torch.autograd.Function):
    """Bilinear resizing whose gradient is two matrix products a map.

    CUDA's own adds up by atomic operations, in an order of chance and, where maps grow by eight, many times slower.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Size, align_corners: bool) -> Tensor:
        """Resize as F.interpolate does."""
        ctx.size, ctx.align_corners = tuple(x.shape[-2:]), align_corners
        return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Take the gradient back."""
        return shrink_by_products(gradient, ctx.size, align_corners=ctx.align_corners), None, None


def shrink_by_products(gradient: Tensor, size: Size, *, align_corners: bool) -> Tensor:
    """Compute `shrink` in float32 or better: rows and columns are resized apart, each by a matrix of weights."""
    with torch.autocast(gradient.device.type, enabled=False):
        wide = gradient if gradient.dtype == torch.float64 else gradient.float()
        rows, columns = (
            _weights(small, large, wide, align_corners) for small, large in zip(size, gradient.shape[-2:], strict=True)
        )
        return (rows @ wide @ columns.T).to(gradient.dtype)


def _weights(small: int, large: int, like: Tensor, align_corners: bool) -> Tensor:
    """Return what each of `small` places contributes to each of `large` (small, large)."""
    unit = torch.eye(small, dtype=like.dtype, device=like.device)[None, :, :, None]
    return F.interpolate(unit, (large, 1), mode="bilinear", align_corners=align_corners)[0, :, :, 0]
