"""The paper's modules as plain functions of tensors and of weights by name, from its formulas and not from our modules.

In float64 and eval mode. Convolution is the one operation taken from torch.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.models.features import Features
from tests.interpolation import stretch

EPSILON = 1e-5  # of every normalisation
Upsample = Callable[[Tensor, Tensor], Tensor]  # a map, and the map whose size it takes


@dataclass(frozen=True)
class Weights:
    """Tensors whose names begin with `prefix`."""

    tensors: Mapping[str, Tensor]
    prefix: str = ""

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[self.prefix + name]

    def __contains__(self, name: object) -> bool:
        return f"{self.prefix}{name}" in self.tensors

    def of(self, name: str) -> "Weights":
        return Weights(self.tensors, f"{self.prefix}{name}.")


def batch_norm(w: Weights, x: Tensor) -> Tensor:
    """Over dimension 1, whatever follows it."""
    shape = (1, -1, *(1 for _ in x.shape[2:]))
    mean, variance, gain, bias = (w[name].view(shape) for name in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / (variance + EPSILON).sqrt() * gain + bias


def group_norm(w: Weights, x: Tensor) -> Tensor:
    groups = x.reshape(len(x), 32, -1)
    centred = groups - groups.mean(2, keepdim=True)
    normal = (centred / (centred.square().mean(2, keepdim=True) + EPSILON).sqrt()).view_as(x)
    return normal * w["weight"][:, None, None] + w["bias"][:, None, None]


def convolution(weight: Tensor, x: Tensor, dilation: int = 1) -> Tensor:
    """Of odd size, keeping the map's; depthwise where the weight has one input channel and the map more."""
    padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(x, weight, padding=padding, dilation=dilation, groups=x.shape[1] // weight.shape[1])


def block(w: Weights, x: Tensor, dilation: int = 1) -> Tensor:
    """Convolution, BatchNorm, ReLU."""
    return batch_norm(w.of("1"), convolution(w["0.weight"], x, dilation)).clamp(min=0)


def separable(w: Weights, x: Tensor, dilation: int) -> Tensor:
    """Depthwise 3x3, norm, pointwise, norm, ReLU."""
    norm = batch_norm if "1.running_mean" in w else group_norm
    x = norm(w.of("1"), convolution(w["0.weight"], x, dilation))
    return norm(w.of("3"), convolution(w["2.weight"], x)).clamp(min=0)


def upsampler(align_corners: bool) -> Upsample:
    def upsample(x: Tensor, like: Tensor) -> Tensor:
        rows, columns = (
            torch.from_numpy(stretch(old, new, align_corners=align_corners))
            for old, new in zip(x.shape[-2:], like.shape[-2:], strict=True)
        )
        return rows @ x @ columns.T

    return upsample


def jpu(w: Weights, maps: Features, upsample: Upsample) -> Tensor:
    c5, c4, c3 = (block(w.of(f"project{level}"), getattr(maps, f"c{level}")) for level in (5, 4, 3))
    joined = torch.cat([upsample(c5, c3), upsample(c4, c3), c3], 1)
    return torch.cat([separable(w.of(f"pyramid.{index}"), joined, 2**index) for index in range(4)], 1)


def jpu_x(w: Weights, maps: Features, upsample: Upsample) -> Tensor:
    def step(w: Weights, low: Tensor, high: Tensor, first: int) -> Tensor:
        up = upsample(block(w.of("project_low"), low), high)
        joined = torch.cat([up, block(w.of("project_high"), high)], 1)
        return torch.cat([up, *(separable(w.of(f"pyramid.{i}"), joined, first * 2**i) for i in range(3))], 1)

    return step(w.of("step2"), maps.c5, step(w.of("step1"), maps.c4, maps.c3, 1), 2)


def fpn(w: Weights, maps: Features, upsample: Upsample) -> Tensor:
    def level(name: str, x: Tensor) -> Tensor:
        return convolution(w[f"{name}.weight"], x) + w[f"{name}.bias"][:, None, None]

    p4 = level("lateral4", maps.c4)
    p4 = p4 + upsample(level("lateral5", maps.c5), p4)
    p3 = level("lateral3", maps.c3)
    return level("smooth", p3 + upsample(p4, p3))


def bilinear(w: Weights, maps: Features, upsample: Upsample) -> Tensor:
    return upsample(maps.c5, maps.c3)


def none(w: Weights, maps: Features, upsample: Upsample) -> Tensor:
    return maps.c5


def classify(w: Weights, x: Tensor) -> Tensor:
    return convolution(w["1.weight"], x) + w["1.bias"][:, None, None]


def fcn(w: Weights, x: Tensor, maps: Features, upsample: Upsample) -> tuple[Tensor, None]:
    return classify(w.of("classify"), block(w.of("reduce"), x)), None


def average(x: Tensor, bins: int) -> Tensor:
    """Means of bins x bins cells that cover the map, each from floor to ceil of its borders."""

    def cells(side: int) -> list[slice]:
        return [slice(side * i // bins, math.ceil(side * (i + 1) / bins)) for i in range(bins)]

    rows = [[x[..., row, column].mean((-2, -1)) for column in cells(x.shape[-1])] for row in cells(x.shape[-2])]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def psp(w: Weights, x: Tensor, maps: Features, upsample: Upsample) -> tuple[Tensor, None]:
    pools = [upsample(block(w.of(f"pools.{i}.1"), average(x, bins)), x) for i, bins in enumerate((1, 2, 3, 6))]
    return classify(w.of("classify"), block(w.of("fuse"), torch.cat([x, *pools], 1))), None


def deeplabv3(w: Weights, x: Tensor, maps: Features, upsample: Upsample) -> tuple[Tensor, None]:
    aspp = w.of("aspp")
    pooled = block(aspp.of("image_pool.1"), average(x, 1)) + 0 * x[:, :1]
    branches = [block(aspp.of(f"atrous.{i}"), x, dilation) for i, dilation in enumerate((12, 24, 36))]
    joined = torch.cat([block(aspp.of("pointwise"), x), *branches, pooled], 1)
    if "project.0.0.weight" in aspp:
        joined = block(aspp.of("project.0"), joined)
    return classify(w.of("classify"), block(w.of("refine"), joined)), None


def encnet(w: Weights, x: Tensor, maps: Features, upsample: Upsample) -> tuple[Tensor, Tensor | None]:
    x = block(w.of("reduce"), x)
    if "lateral.fuse.0.weight" in w:
        c3, c4 = (block(w.of(f"lateral.connect{level}"), getattr(maps, f"c{level}")) for level in (3, 4))
        x = block(w.of("lateral.fuse"), torch.cat([x, upsample(c3, x), upsample(c4, x)], 1))
    context = w.of("context")
    pixels = block(context.of("project"), x).flatten(2).transpose(1, 2)  # (B, N, D)
    residuals = pixels[:, :, None] - context["encoding.codewords"]  # (B, N, K, D)
    likeness = (context["encoding.scale"] * residuals.square().sum(3)).exp()
    codes = (likeness[..., None] / likeness.sum(2)[..., None, None] * residuals).sum(1)  # (B, K, D)
    encoded = batch_norm(context.of("norm"), codes).clamp(min=0).mean(1)
    gamma = 1 / (1 + (-linear(context.of("gate"), encoded)).exp())
    presence = linear(context.of("presence"), encoded) if "presence.weight" in context else None
    return classify(w.of("classify"), (x + gamma[:, :, None, None] * x).clamp(min=0)), presence


def linear(w: Weights, x: Tensor) -> Tensor:
    return x @ w["weight"].T + w["bias"]


def segment(
    tensors: Mapping[str, Tensor], maps: Features, images: Tensor, upsampling: str, head: str, align_corners: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Logits, auxiliary logits and presence logits, from the backbone's `maps` of `images`."""
    upsample, w = upsampler(align_corners), Weights(tensors)
    x = UPSAMPLINGS[upsampling](w.of("upsampling"), maps, upsample)
    logits, presence = HEADS[head](w.of("head"), x, maps, upsample)
    auxiliary, _ = fcn(w.of("auxiliary"), maps.c4, maps, upsample)
    return upsample(logits, images), upsample(auxiliary, images), presence


UPSAMPLINGS = {"none": none, "bilinear": bilinear, "fpn": fpn, "jpu": jpu, "jpu_x": jpu_x}
HEADS = {"fcn": fcn, "psp": psp, "deeplabv3": deeplabv3, "encnet": encnet}
