"""DeepLabV3 head: atrous spatial pyramid pooling (arXiv:1706.05587, section 3.3)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.options import Dilations, Width


class ASPP(nn.Module):
    """A 1x1 branch, dilated 3x3 branches and image pooling side by side, joined.

    With `projection` a 1x1 convolution brings the joined map back to `width` channels.
    """

    def __init__(self, in_channels: int, width: int, dilations: tuple[int, ...], *, projection: bool) -> None:
        super().__init__()
        joined = (2 + len(dilations)) * width
        self.out_channels = width if projection else joined
        self.pointwise = ConvNormReLU(in_channels, width, 1)
        self.atrous = nn.ModuleList(ConvNormReLU(in_channels, width, 3, dilation=dilation) for dilation in dilations)
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormReLU(in_channels, width, 1))
        self.project = nn.Sequential(ConvNormReLU(joined, width, 1), nn.Dropout2d(0.5)) if projection else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map `x` (B, in_channels, h, w) to (B, out_channels, h, w)."""
        pooled = self.image_pool(x).expand(-1, -1, *x.shape[-2:])
        branches = [self.pointwise(x), *(branch(x) for branch in self.atrous), pooled]
        projected: Tensor = self.project(torch.cat(branches, dim=1))
        return projected


class DeepLabV3Head(Head):
    """ASPP, a 3x3 convolution, then the classifier.

    `width` is an eighth of the channels (256 of 2048) unless given. mmsegmentation's has width 512 and no `projection`.
    """

    def __init__(
        self,
        inputs: HeadInputs,
        num_classes: int,
        *,
        dilations: Dilations = (12, 24, 36),
        width: Width | None = None,
        projection: bool = True,
    ) -> None:
        super().__init__()
        width = width or inputs.channels // 8
        self.aspp = ASPP(inputs.channels, width, dilations, projection=projection)
        self.refine = ConvNormReLU(self.aspp.out_channels, width, 3)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w)."""
        return HeadOutput(self.classify(self.refine(self.aspp(x))))
