"""EncNet head: context encoding (arXiv:1803.08904, section 3)."""

import torch
from torch import Tensor, nn

from fastfcn.models.features import Channels, Features, HeadInputs, HeadOutput
from fastfcn.models.heads.base import Head, classifier
from fastfcn.models.layers.convolution import ConvNormReLU
from fastfcn.models.layers.encoding import Encoding
from fastfcn.models.layers.resize import resize
from fastfcn.options import KernelSize, Width


class ContextEncoding(nn.Module):
    """Encodes the whole map into one vector that gates the channels and tells which classes occur."""

    def __init__(self, width: int, num_classes: int, *, codewords: int, presence: bool) -> None:
        super().__init__()
        self.project = ConvNormReLU(width, width, 1)
        self.encoding = Encoding(width, codewords)
        self.norm = nn.BatchNorm1d(codewords)
        self.gate = nn.Linear(width, width)
        self.presence = nn.Linear(width, num_classes) if presence else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return `x` (B, width, h, w) with its channels gated, and presence logits (B, num_classes) or None."""
        codes = self.encoding(self.project(x))  # (B, K, width)
        encoded = self.norm(codes).relu().mean(dim=1)  # (B, width)
        gamma = torch.sigmoid(self.gate(encoded))[..., None, None]
        return torch.relu(x + gamma * x), self.presence(encoded) if self.presence is not None else None


class LateralFusion(nn.Module):
    """C3 and C4 joined to the head's map: the authors' `lateral` option for dilated backbones."""

    def __init__(self, backbone: Channels, width: int, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.connect3 = ConvNormReLU(backbone.c3, width, 1)
        self.connect4 = ConvNormReLU(backbone.c4, width, 1)
        self.fuse = ConvNormReLU(3 * width, width, 3)

    def forward(self, x: Tensor, features: Features) -> Tensor:
        """Fuse `x` (B, width, h, w) with C3 and C4, resized to its size where the backbone is not dilated to 8."""
        size = (x.shape[-2], x.shape[-1])
        c3 = resize(self.connect3(features.c3), size, align_corners=self.align_corners)
        c4 = resize(self.connect4(features.c4), size, align_corners=self.align_corners)
        fused: Tensor = self.fuse(torch.cat([x, c3, c4], dim=1))
        return fused


class EncNetHead(Head):
    """Convolution to `width`, optional lateral connections, context encoding, then the classifier.

    The first convolution is 1x1 on a refined map (JPU) and 3x3 otherwise, as the authors have it; `kernel_size`
    overrides that.
    """

    def __init__(
        self,
        inputs: HeadInputs,
        num_classes: int,
        *,
        lateral: bool = False,
        width: Width = 512,
        codewords: Width = 32,
        kernel_size: KernelSize | None = None,
        presence: bool = True,
    ) -> None:
        super().__init__()
        kernel_size = kernel_size or (1 if inputs.refined else 3)
        self.reduce: nn.Sequential = ConvNormReLU(inputs.channels, width, kernel_size)
        self.lateral = LateralFusion(inputs.backbone, width, align_corners=inputs.align_corners) if lateral else None
        self.context = ContextEncoding(width, num_classes, codewords=codewords, presence=presence)
        self.classify = classifier(width, num_classes)

    def forward(self, x: Tensor, features: Features) -> HeadOutput:
        """Classify `x` (B, C, h, w) and predict which classes occur."""
        x = self.reduce(x)
        if self.lateral is not None:
            x = self.lateral(x, features)
        x, presence = self.context(x)
        return HeadOutput(self.classify(x), presence)
