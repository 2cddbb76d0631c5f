"""SegFormer head: every level through one linear layer, joined at stride 4 (arXiv:2105.15203, section 3.2)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.resize import resize
from fastfcn.options import Width


class SegFormerHead(Head):
    """The upsampled map, C4, C3 and C2, each brought to `width` channels pixel by pixel, joined and classified.

    The upsampled map takes the place of the paper's C5; with model/upsampling=none it is C5. `width` is 256 in the
    paper with MiT-B0 and B1, 768 with larger ones.
    """

    def __init__(self, inputs: HeadInputs, num_classes: int, *, width: Width = 256) -> None:
        super().__init__()
        self.align_corners = inputs.align_corners
        levels = (inputs.channels, inputs.backbone.c4, inputs.backbone.c3, inputs.backbone.c2)
        self.linear = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in levels)
        self.fuse = ConvNormReLU(len(levels) * width, width, 1)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w) at the stride of C2."""
        size = (features.c2.shape[-2], features.c2.shape[-1])
        levels = (x, features.c4, features.c3, features.c2)
        mapped = [
            resize(linear(level), size, align_corners=self.align_corners)
            for linear, level in zip(self.linear, levels, strict=True)
        ]
        return HeadOutput(self.classify(self.fuse(torch.cat(mapped, dim=1))))
