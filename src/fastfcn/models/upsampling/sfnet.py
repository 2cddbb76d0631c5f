"""Flow alignment: the level above warped along a predicted flow (SFNet, arXiv:2002.10120, section 3.2), in an FPN."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.models.features import Channels
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.top_down import TopDown
from fastfcn.options import OfNetwork, Width


class FlowAlignment(nn.Module):
    """Predicts from both levels where each pixel of the finer should read the coarser, and adds what it reads.

    Both levels are compressed to half their channels first, as the authors have it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.compress_upper = nn.Conv2d(width, width // 2, 1, bias=False)
        self.compress_lateral = nn.Conv2d(width, width // 2, 1, bias=False)
        self.flow = nn.Conv2d(2 * (width // 2), 2, 3, padding=1, bias=False)

    def forward(self, upper: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, width, H, W) for `upper` (B, width, h, w) and `lateral` (B, width, H, W)."""
        height, width = lateral.shape[-2:]
        compressed = resize(self.compress_upper(upper), (height, width), align_corners=True)
        flow = self.flow(torch.cat([compressed, self.compress_lateral(lateral)], dim=1))
        return lateral + warp(upper, flow)


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Read `x` (B, C, h, w), its corners laid on those of the result, at every pixel's place moved by `flow`.

    `flow` (B, 2, H, W), x before y, is in half pixels of the result (B, C, H, W), as the authors' code has it; beyond
    the map there are zeros.
    """
    height, width = flow.shape[-2:]
    down, right = (torch.linspace(-1, 1, side, device=x.device) for side in (height, width))
    places = torch.stack(torch.meshgrid(right, down, indexing="xy"))  # (2, H, W), in float32: half has too few places
    size = torch.tensor([width, height], device=x.device).view(2, 1, 1)
    grid = (places + flow.float() / size).permute(0, 2, 3, 1)
    read = F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    return read.to(x.dtype)


class SFNet(TopDown):
    """FPN whose levels are joined by flow alignment. The paper's pyramid pooling on C5 is the PSP head's here."""

    def __init__(self, channels: Channels, *, width: Width = 256, align_corners: OfNetwork = True) -> None:
        lateral = partial(nn.Conv2d, kernel_size=1)
        super().__init__(channels, width=width, lateral=lateral, merge=partial(FlowAlignment, width))
