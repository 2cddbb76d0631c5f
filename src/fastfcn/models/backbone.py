"""Backbones: any encoder of segmentation-models-pytorch (timm's under `tu-NAME`), with four named maps."""

import difflib
import re
from typing import Literal, cast

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from fastfcn.models.checkpointing import checkpoint_stages
from fastfcn.models.dilation import dilate, dilate_stages
from fastfcn.models.features import Channels, Features
from fastfcn.models.normalisation import RGB, Statistics, statistics_of
from fastfcn.models.padding import FAILURES, Padding, find_padding
from fastfcn.options import Deviations, Dilation, ImageChannels, Means, Name

OUTPUT_STRIDES = (8, 16, 32)


class Backbone(nn.Module):
    """A classification network that returns C2 to C5.

    `output_stride` 8 or 16 trades the last strides for dilation with the paper's placement; `stage_dilations` dilates
    the last stages of a ResNet beside their strides. `weights` only says
    where to begin: building a network downloads nothing, `fastfcn.models.pretrained.load_pretrained` does. `mean` and
    `std`, a value in 0..1 for each of the image's `in_channels`, are by default those that the encoder's pretrained
    weights were trained with (for other channels than RGB see `Statistics.of`). Raises ValueError for a name that does
    not exist or an encoder that cannot serve.
    """

    def __init__(
        self,
        name: Name,
        *,
        output_stride: Literal[8, 16, 32] = 32,
        weights: Name | None = None,
        stage_dilations: tuple[Dilation, ...] = (),
        in_channels: ImageChannels = RGB,
        mean: Means | None = None,
        std: Deviations | None = None,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"model.backbone.output_stride must be 8, 16 or 32, got {output_stride}")
        self.name = name
        self.output_stride = output_stride
        self.weights = weights
        self.statistics = _statistics(name, in_channels, mean, std)
        self.encoder = build_encoder(name, output_stride, in_channels)
        if stage_dilations:
            dilate_stages(self.encoder, stage_dilations)
        self.channels = Channels(*self._check_channels()[2:])
        self.padding = self._probe()

    def forward(self, images: Tensor) -> Features:
        """Compute the maps of `images` (B, C, H, W); what the encoder wants padded is cut off again."""
        padded = self.padding(images)
        _, _, c2, c3, c4, c5 = self.encoder(padded)
        if padded is images:
            return Features(c2, c3, c4, c5)
        strides = (4, *(min(stride, self.output_stride) for stride in OUTPUT_STRIDES))
        height, width = images.shape[-2:]
        maps = zip((c2, c3, c4, c5), strides, strict=True)
        return Features(*(each[..., : -(-height // stride), : -(-width // stride)] for each, stride in maps))

    def checkpoint_activations(self) -> None:
        """Keep only the stages' inputs while training, and compute the rest again in the backward pass."""
        checkpoint_stages(self.encoder)

    def _check_channels(self) -> list[int]:
        channels = cast(list[int], self.encoder.out_channels)
        if len(channels) != 6 or 0 in channels[2:]:
            raise ValueError(
                f"model.backbone.name={self.name} has no maps at strides 4, 8, 16 and 32 (channels {channels}); "
                "choose a backbone with five stages such as resnet50"
            )
        return channels

    @torch.no_grad()
    def _probe(self) -> Padding:
        """Find what sizes the encoder takes, and see that its strides are those asked for."""
        if next(self.encoder.parameters()).is_meta:  # an outline, of which only shapes are asked
            return Padding()
        side = 64
        self.eval()
        try:
            maps = self.encoder(torch.zeros(1, self.statistics.channels, side, side))
            padding = find_padding(self.encoder, self.statistics.channels)
        except FAILURES as error:
            raise ValueError(
                f"model.backbone.name={self.name} cannot take images of any size: {error}; "
                "docs/backbones.md lists those that can"
            ) from error
        finally:
            self.train()
        strides = [side // features.shape[-1] for features in maps[3:]]
        expected = [min(stride, self.output_stride) for stride in OUTPUT_STRIDES]
        if strides != expected:
            raise ValueError(_no_dilation(self.name, self.output_stride))
        return padding


def build_encoder(name: str, output_stride: int = 32, in_channels: int = RGB) -> nn.Module:
    """Build an SMP encoder with random weights."""
    if not re.fullmatch(r"[\w.-]+", name):  # timm would ask a hub or read a folder for names such as hf-hub:OWNER/NAME
        raise ValueError(f"model.backbone.name={name} is not an SMP encoder; it is a plain name such as tu-resnet50s")
    from_timm = name.startswith("tu-")
    try:
        encoder: nn.Module = smp.encoders.get_encoder(
            name,
            depth=5,
            weights=None,
            in_channels=in_channels,
            output_stride=output_stride if from_timm else 32,
        )
        if output_stride < 32 and not from_timm:
            dilate(encoder, output_stride)
    except (*FAILURES, LookupError, TypeError, AttributeError) as error:
        raise ValueError(_explain(name, output_stride, error)) from error
    return encoder


def _statistics(name: str, channels: int, mean: Means | None, std: Deviations | None) -> Statistics:
    own = statistics_of(name).of(channels)
    for option, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) != channels:
            raise ValueError(
                f"model.backbone.{option} has {len(values)} values for images of {channels} channels "
                "(model.backbone.in_channels); give one a channel"
            )
    return Statistics(tuple(mean or own.mean), tuple(std or own.std))


def _explain(name: str, output_stride: int, error: Exception) -> str:
    known = [*smp.encoders.get_encoder_names(), *(f"tu-{model}" for model in timm.list_models())]
    if name.split(".")[0] not in known:
        close = ", ".join(difflib.get_close_matches(name, known, n=3)) or "resnet50, tu-resnet50s"
        return f"model.backbone.name={name} is not an SMP encoder; close names: {close}"
    if output_stride < 32:
        return _no_dilation(name, output_stride)
    return (
        f"model.backbone.name={name} cannot serve as a backbone: segmentation-models-pytorch makes no maps at strides "
        f"4 to 32 of it ({error}); docs/backbones.md lists those that can"
    )


def _no_dilation(name: str, output_stride: int) -> str:
    return (
        f"model.backbone.name={name} cannot be dilated to output stride {output_stride}; "
        "use model.backbone.output_stride=32 with model/upsampling=jpu, or a ResNet"
    )
