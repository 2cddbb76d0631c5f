"""UPerNet head: pyramid pooling on top of a feature pyramid (arXiv:1807.10221, section 3.1)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.pyramid_pooling import PyramidPools
from fastfcn.models.layers.resize import resize
from fastfcn.options import Bins, Width


class UPerNetHead(Head):
    """Pools the upsampled map, goes down over C4 and C3 to C2, and classifies all four levels, joined at stride 4.

    The upsampled map takes the place of the paper's C5; with model/upsampling=none it is C5. `width` 512 is
    mmsegmentation's.
    """

    def __init__(self, inputs: HeadInputs, num_classes: int, *, width: Width = 512, bins: Bins = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.align_corners = inputs.align_corners
        self.pools = PyramidPools(inputs.channels, width, bins, align_corners=inputs.align_corners)
        self.top = ConvNormReLU(self.pools.out_channels, width, 3)
        finer = (inputs.backbone.c4, inputs.backbone.c3, inputs.backbone.c2)
        self.laterals = nn.ModuleList(ConvNormReLU(channels, width, 1) for channels in finer)
        self.smooth = nn.ModuleList(ConvNormReLU(width, width, 3) for _ in finer)
        self.fuse = ConvNormReLU((1 + len(finer)) * width, width, 3)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w) at the stride of C2."""
        upper = self.top(self.pools(x))
        levels = [upper]
        maps = (features.c4, features.c3, features.c2)
        for lateral, smooth, finer in zip(self.laterals, self.smooth, maps, strict=True):
            upper = lateral(finer) + self._resize(upper, finer)
            levels.append(smooth(upper))
        joined = torch.cat([self._resize(level, features.c2) for level in reversed(levels)], dim=1)
        return HeadOutput(self.classify(self.fuse(joined)))

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, (like.shape[-2], like.shape[-1]), align_corners=self.align_corners)
