"""DySample: upsampling by learned points (Liu et al., ICCV 2023, arXiv:2308.15085, section 3), in an FPN."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.models.features import Channels
from fastfcn.models.upsampling.top_down import DoubledSum, TopDown
from fastfcn.options import OfNetwork, Width

FACTOR = 2
SCOPE = 0.25  # of offsets, in old pixels: neighbouring points just meet (section 3.2)


class PointSampling(nn.Module):
    """Doubles a map by reading it, bilinearly, at points that a 1x1 convolution predicts, for each group of channels.

    Without offsets these are the points of bilinear interpolation. The static scope, "linear + pixel shuffle" variant.
    """

    def __init__(self, channels: int, *, groups: int) -> None:
        super().__init__()
        if channels % groups:
            raise ValueError(f"model.upsampling.width of dysample must be a multiple of its {groups} groups")
        self.groups = groups
        self.offset = nn.Conv2d(channels, 2 * groups * FACTOR**2, 1)
        nn.init.normal_(self.offset.weight, std=0.001)  # the authors' beginning: nearly bilinear
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, x: Tensor) -> Tensor:
        """Double `x` (B, C, h, w)."""
        batch, _, height, width = x.shape
        offsets = F.pixel_shuffle(SCOPE * self.offset(x), FACTOR).float()  # (B, 2 * groups, 2h, 2w), x before y
        offsets = offsets.view(batch, 2, self.groups, FACTOR * height, FACTOR * width).transpose(1, 2).flatten(0, 1)
        points = _centres(height, width, x.device) + offsets  # (B * groups, 2, 2h, 2w), in old pixels
        size = torch.tensor([width, height], device=x.device).view(2, 1, 1)
        grid = (2 * points / size - 1).permute(0, 2, 3, 1)
        grouped = x.float().reshape(batch * self.groups, -1, height, width)  # half precision has too few places
        read = F.grid_sample(grouped, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return read.view(batch, -1, FACTOR * height, FACTOR * width).to(x.dtype)


def _centres(height: int, width: int, device: torch.device) -> Tensor:
    """Return where the centres of the new pixels lie in the old map (2, 2h, 2w), x before y, pixel 0 from 0 to 1."""
    y, x = ((torch.arange(FACTOR * side, device=device) + 0.5) / FACTOR for side in (height, width))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))


class DySample(TopDown):
    """FPN that enlarges by learned points, in 4 groups of channels as in the paper (section 4)."""

    def __init__(
        self, channels: Channels, *, width: Width = 256, groups: Width = 4, align_corners: OfNetwork = True
    ) -> None:
        enlarge = partial(PointSampling, width, groups=groups)
        lateral = partial(nn.Conv2d, kernel_size=1)
        super().__init__(channels, width=width, lateral=lateral, merge=lambda: DoubledSum(enlarge()))
