"""TensorFlow's padding, which timm's `tf_` networks keep, for images of any size: the image is turned by 180 degrees.

A strided convolution of theirs reads every second pixel counted from the last: what is padded depends on whether sides
are even, stage after stage, and a tracer that knows no size takes minutes over it. Turned, with its kernel turned too,
it counts from the first and pads alike on all sides.
"""

from collections.abc import Sequence

from timm.layers import Conv2dSame
from torch import Tensor, nn

from fastfcn.models.segmenter import Segmenter


class Turned(nn.Module):
    """An encoder that sees the image turned, and whose maps are turned back."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the maps of `images` (B, C, H, W)."""
        maps: Sequence[Tensor] = self.encoder(images.flip((-2, -1)))
        return [each.flip((-2, -1)) for each in maps]


def turn_same_padding(network: Segmenter) -> bool:
    """Turn the encoder if all that it strides by are such convolutions, in place; tell whether it was."""
    encoder = network.backbone.encoder
    modules = dict(encoder.named_modules())
    strided = [module for module in modules.values() if not _symmetric(module)]
    if not strided or not all(map(_turns, strided)):
        return False
    for name, module in modules.items():
        if isinstance(module, Conv2dSame):
            encoder.set_submodule(name, _padded_alike(module))
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.flip((-2, -1)).contiguous()
    network.backbone.encoder = Turned(encoder)
    return True


def _symmetric(module: nn.Module) -> bool:
    """Tell whether a module does to a turned map what it does to the map."""
    if isinstance(module, Conv2dSame | nn.MaxPool2d | nn.AvgPool2d):
        return False
    return not isinstance(module, nn.Conv2d) or max(module.stride) == 1


def _turns(module: nn.Module) -> bool:
    return (
        isinstance(module, Conv2dSame)
        and max(module.stride) <= 2
        and all(side % 2 == 1 for side in module.kernel_size)
        and (max(module.dilation) == 1 or max(module.stride) == 1)
    )


def _padded_alike(convolution: Conv2dSame) -> nn.Conv2d:
    """Make an ordinary convolution of the same weights."""
    rows, columns = (
        (side - 1) // 2 * rate for side, rate in zip(convolution.kernel_size, convolution.dilation, strict=True)
    )
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        (rows, columns),
        convolution.dilation,
        convolution.groups,
    )
    plain.weight, plain.bias = convolution.weight, convolution.bias
    return plain
