"""Bilinear resizing of feature maps."""

import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Resize `x` (B, C, h, w) to `size` = (H, W). The authors align corners, mmsegmentation does not."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)
