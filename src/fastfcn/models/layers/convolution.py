"""Convolution, normalisation, ReLU: the brick of every upsampling module and head."""

from collections.abc import Callable

from torch import nn

Norm = Callable[[int], nn.Module]


class ConvNormReLU(nn.Sequential):
    """Convolution without bias that keeps the map's size, then normalisation and ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, dilation: int = 1, norm: Norm = nn.BatchNorm2d
    ) -> None:
        padding = dilation * (kernel_size // 2)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False),
            norm(out_channels),
            nn.ReLU(inplace=True),
        )


class SeparableConv(nn.Sequential):
    """Depthwise 3x3 convolution, normalisation, pointwise convolution, normalisation, ReLU (FastFCN, section 3.3)."""

    def __init__(self, in_channels: int, out_channels: int, *, dilation: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__(
            nn.Conv2d(in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False),
            norm(in_channels),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            norm(out_channels),
            nn.ReLU(inplace=True),
        )
