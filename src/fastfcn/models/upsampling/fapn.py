"""FaPN: feature selection and feature alignment (arXiv:2108.07058, section 3), in an FPN."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula
from torchvision.ops import deform_conv2d

from fastfcn.models.features import Channels
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.top_down import TopDown
from fastfcn.options import OfNetwork, Width

GROUPS = 8  # of channels that share their offsets, as the authors have it
SIDE = 3


@register_flop_formula(torch.ops.torchvision.deform_conv2d)
def _operations(_image: torch.Size, kernel: torch.Size, *_: object, out_shape: torch.Size, **__: object) -> int:
    """Have torch count this convolution as one that moves nothing; a multiply-add is two operations."""
    return 2 * out_shape.numel() * kernel[1:].numel()


class FeatureSelection(nn.Module):
    """Weighs the channels of a backbone's map by their importance, then brings it to `width` channels."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.importance = nn.Conv2d(in_channels, in_channels, 1, bias=False)
        self.select = nn.Conv2d(in_channels, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `x` (B, in_channels, H, W) to (B, width, H, W)."""
        gate = torch.sigmoid(self.importance(x.mean((2, 3), keepdim=True)))
        selected: Tensor = self.select(x + x * gate)
        return selected


class FeatureAlignment(nn.Module):
    """Aligns the level above with the finer one by a deformable convolution whose offsets come from both, and adds.

    The convolution is modulated (arXiv:1811.11168): each of its points has an offset and a weight in 0..1.
    """

    def __init__(self, width: int, *, align_corners: bool) -> None:
        super().__init__()
        if width % GROUPS:
            raise ValueError(f"model.upsampling.width of fapn must be a multiple of {GROUPS}, got {width}")
        self.align_corners = align_corners
        self.difference = nn.Conv2d(2 * width, width, 1, bias=False)
        self.points = nn.Conv2d(width, 3 * GROUPS * SIDE**2, SIDE, padding=1)
        nn.init.zeros_(self.points.weight)  # the beginning of DCNv2: no offset, every weight a half
        nn.init.zeros_(self.points.bias)  # type: ignore[arg-type]  # there is one
        self.align = nn.Conv2d(width, width, SIDE, padding=1)

    def forward(self, upper: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, width, H, W) for `upper` (B, width, h, w) and `lateral` (B, width, H, W)."""
        height, width = lateral.shape[-2:]
        upper = resize(upper, (height, width), align_corners=self.align_corners)
        difference = self.difference(torch.cat([lateral, 2 * upper], dim=1))  # the authors' factor
        offsets, weights = self.points(difference).split([2 * GROUPS * SIDE**2, GROUPS * SIDE**2], dim=1)
        return lateral + torch.relu(self._deformed(upper, offsets, torch.sigmoid(weights)))

    def _deformed(self, x: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Convolve at moved points, in float32: on CPUs torchvision has no other, and places need it."""
        assert self.align.bias is not None
        with torch.autocast(x.device.type, enabled=False):
            convolved: Tensor = deform_conv2d(
                x.float(),
                offsets.float(),
                self.align.weight.float(),
                self.align.bias.float(),
                padding=(1, 1),
                mask=weights.float(),
            )
            return convolved.to(x.dtype)


class FaPN(TopDown):
    """FPN with feature selection in place of lateral convolutions, and feature alignment in place of the sum."""

    def __init__(self, channels: Channels, *, width: Width = 256, align_corners: OfNetwork = True) -> None:
        merge = partial(FeatureAlignment, width, align_corners=align_corners)
        super().__init__(channels, width=width, lateral=FeatureSelection, merge=merge)
