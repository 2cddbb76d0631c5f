"""Dilation in place of stride, with the placement that pretrained weights expect.

In the paper's dilated ResNet the convolution that loses its stride keeps the dilation of the stage before, and only
those after it take the stage's own: the receptive field of the pretrained weights is kept. timm does this;
`make_dilated` of segmentation-models-pytorch dilates every convolution of the stage (its issue 183).
"""

from collections.abc import Sequence
from typing import Any

from torch import nn


def dilate(encoder: Any, output_stride: int) -> None:
    """Change `encoder`, an SMP encoder built for stride 32, to `output_stride` 8 or 16 in place.

    Raises NotImplementedError or ValueError, as SMP does, for an encoder that cannot be dilated.
    """
    for stride, stage in sorted(encoder.get_stages().items()):
        if stride > output_stride:
            dilation = stride // output_stride
            for module in stage:
                _dilate_stage(module, before=max(dilation // 2, 1), after=dilation)


def _dilate_stage(stage: nn.Module, *, before: int, after: int) -> None:
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            rate = before if max(module.stride) > 1 else after
            module.stride = (1, 1)
            module.dilation = (rate, rate)
            module.padding = tuple(rate * (size // 2) for size in module.kernel_size)
            if hasattr(module, "static_padding"):  # SMP's EfficientNet pads outside the convolution
                module.static_padding = nn.Identity()


def dilate_stages(encoder: nn.Module, rates: Sequence[int]) -> None:
    """Dilate the last stages of a ResNet that keeps its strides, as mmsegmentation's FastFCN has it.

    The first block of a stage takes half the rate of the others ("contracted"). Raises ValueError for other encoders.
    """
    stages = dict(encoder.named_modules())
    names = [f"{prefix}layer{5 - len(rates) + place}" for place in range(len(rates)) for prefix in ("", "model.")]
    found = [stages[name] for name in names if name in stages]
    if len(found) != len(rates):
        raise ValueError("model.backbone.stage_dilations is for ResNets, whose stages are called layer1 to layer4")
    for stage, rate in zip(found, rates, strict=True):
        for index, block in enumerate(stage.children()):
            for module in block.modules():
                if isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1:
                    own = max(rate // 2, 1) if index == 0 else rate
                    module.dilation = module.padding = (own, own)
