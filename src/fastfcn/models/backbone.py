"""Backbones: any encoder of segmentation-models-pytorch (timm's under `tu-NAME`), with four named maps."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor, nn

from fastfcn.models.checkpointing import checkpoint_stages
from fastfcn.models.dilation import dilate_stages
from fastfcn.models.encoder import build_encoder, no_dilation, own_size
from fastfcn.models.features import Channels, Features
from fastfcn.models.neck import SimplePyramid
from fastfcn.models.normalisation import RGB, Statistics, statistics_of
from fastfcn.models.padding import FAILURES, Padding, find_padding
from fastfcn.models.plain import PlainEncoder
from fastfcn.options import Deviations, Dilation, ImageChannels, ImageSize, Means, Name

OUTPUT_STRIDES = (8, 16, 32)
PROBE = 64  # pixels a side: maps of 2x2 at stride 32


class Backbone(nn.Module):
    """A classification network that returns C2 to C5; a plain transformer gets them by a `neck`.

    `output_stride` 8 or 16 trades the last strides for dilation with the paper's placement; `stage_dilations` dilates
    the last stages of a ResNet beside their strides. `image_size` is for encoders that take images of one size: the
    one to build them for. `weights` only says where to begin: building a network downloads nothing,
    `fastfcn.models.pretrained.load_pretrained` does. `mean` and `std`, a value in 0..1 for each of the image's
    `in_channels`, are by default those that the encoder's pretrained weights were trained with (for other channels than
    RGB see `Statistics.of`). Raises ValueError for a name that does not exist or an encoder that cannot serve.
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
        image_size: ImageSize | None = None,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"model.backbone.output_stride must be 8, 16 or 32, got {output_stride}")
        self.name = name
        self.output_stride = output_stride
        self.weights = weights
        self.statistics = _statistics(name, in_channels, mean, std)
        self.image_size = image_size
        self.encoder = build_encoder(name, output_stride, in_channels=in_channels, image_size=image_size)
        self.neck: SimplePyramid | None = None
        if isinstance(self.encoder, PlainEncoder):
            self.neck = SimplePyramid(self.encoder.channels, self.encoder.stride)
        if stage_dilations:
            dilate_stages(self.encoder, stage_dilations)
        self.channels = Channels(*self._map_channels())
        self.padding = self._probe()

    def forward(self, images: Tensor) -> Features:
        """Compute the maps of `images` (B, C, H, W); what the encoder wants padded is cut off again."""
        padded = self.padding(images)
        c2, c3, c4, c5 = self._maps(padded)
        if padded is images:
            return Features(c2, c3, c4, c5)
        height, width = images.shape[-2:]
        maps = zip((c2, c3, c4, c5), self._strides(), strict=True)
        return Features(*(each[..., : -(-height // stride), : -(-width // stride)] for each, stride in maps))

    def checkpoint_activations(self) -> None:
        """Keep only the stages' inputs while training, and compute the rest again in the backward pass."""
        checkpoint_stages(self.encoder, partial(self, next(self.parameters()).new_zeros(1, *self._probed())))

    def _maps(self, padded: Tensor) -> Sequence[Tensor]:
        if self.neck is not None:
            levels: Sequence[Tensor] = self.neck(self.encoder(padded))
            return levels
        return cast(Sequence[Tensor], self.encoder(padded)[2:])

    def _strides(self) -> list[int]:
        return [4, *(min(stride, self.output_stride) for stride in OUTPUT_STRIDES)]

    def _probed(self) -> tuple[int, int, int]:
        return self.statistics.channels, PROBE, PROBE

    def _map_channels(self) -> Sequence[int]:
        if self.neck is not None:
            return [self.neck.width] * 4
        channels = cast(list[int], self.encoder.out_channels)
        if len(channels) != 6 or 0 in channels[2:]:
            raise ValueError(
                f"model.backbone.name={self.name} has no maps at strides 4, 8, 16 and 32 (channels {channels}); "
                "choose a backbone with five stages such as resnet50"
            )
        return channels[2:]

    @torch.no_grad()
    def _probe(self) -> Padding:
        """Find what sizes the encoder takes, and see that its strides are those asked for."""
        if next(self.encoder.parameters()).is_meta:  # an outline, of which only shapes are asked
            return Padding()
        self.eval()
        try:
            padding = find_padding(self._maps, self.statistics.channels, self._strides(), own_size(self.encoder))
            padded = padding(torch.zeros(1, *self._probed()))
            maps = self._maps(padded)
        except FAILURES as error:
            if self.output_stride < 32:
                raise ValueError(no_dilation(self.name, self.output_stride)) from error
            size = "any size" if self.image_size is None else f"model.backbone.image_size={self.image_size}"
            raise ValueError(
                f"model.backbone.name={self.name} cannot take images of {size}: {error}; "
                "docs/backbones.md lists those that can"
            ) from error
        finally:
            self.train()
        if [padded.shape[-1] // features.shape[-1] for features in maps] != self._strides():
            raise ValueError(no_dilation(self.name, self.output_stride))
        return padding


def _statistics(name: str, channels: int, mean: Means | None, std: Deviations | None) -> Statistics:
    own = statistics_of(name).of(channels)
    for option, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) != channels:
            raise ValueError(
                f"model.backbone.{option} has {len(values)} values for images of {channels} channels "
                "(model.backbone.in_channels); give one a channel"
            )
    return Statistics(tuple(mean or own.mean), tuple(std or own.std))
