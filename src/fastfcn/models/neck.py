"""ViTDet's simple feature pyramid (arXiv:2203.16527, section 3): four maps of a plain transformer's last one."""

from timm.layers import LayerNorm2d
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class SimplePyramid(nn.Module):
    """Makes maps of strides 4 to 32, each of the one map of `stride` 8, 16 or 32 alone, without lateral connections.

    Finer ones by deconvolutions 2x2 that halve the channels, coarser ones by max pooling; a 1x1 and a 3x3 convolution
    to `width` channels follow, each with a LayerNorm (appendix A.2).
    """

    def __init__(self, in_channels: int, stride: int, *, width: int = 256) -> None:
        super().__init__()
        self.width = width
        self.levels = nn.ModuleList(_level(in_channels, stride, target, width) for target in STRIDES)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map `x` (B, in_channels, H / stride, W / stride) to four maps; H and W are multiples of 32."""
        return [level(x) for level in self.levels]


def _level(channels: int, stride: int, target: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    if target > stride:
        layers.append(nn.MaxPool2d(target // stride))
    while stride > target:
        if layers:
            layers += [LayerNorm2d(channels), nn.GELU()]
        layers.append(nn.ConvTranspose2d(channels, channels // 2, 2, stride=2))
        channels, stride = channels // 2, stride // 2
    return nn.Sequential(
        *layers,
        nn.Conv2d(channels, width, 1, bias=False),
        LayerNorm2d(width),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        LayerNorm2d(width),
    )
