"""FastFCN checkpoints of mmsegmentation: `backbone.* neck.* decode_head.* auxiliary_head.*`."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from fastfcn.importing.renaming import Rule, rename
from fastfcn.importing.source import Translation, kernel_size, part, resnet_depth, rows, segmenter

UNIT = {"conv": "0", "bn": "1"}  # the layers of a ConvModule
STEM = {"0": "conv1.0", "1": "conv1.1", "3": "conv1.3", "4": "conv1.4", "6": "conv1.6", "7": "bn1"}
SEPARABLE = {"depthwise_conv.conv": "0", "depthwise_conv.bn": "1", "pointwise_conv.conv": "2", "pointwise_conv.bn": "3"}

COMMON: list[Rule] = [
    (r"^backbone\.stem\.(\d)\.", lambda match: f"backbone.{STEM[match[1]]}."),
    (r"^backbone\.", "backbone.encoder.model."),
    (r"^neck\.conv_layers\.([012])\.0\.(conv|bn)\.", lambda m: f"upsampling.project{int(m[1]) + 3}.{UNIT[m[2]]}."),
    (
        r"^neck\.dilation_layers\.(\d)\.0\.((?:depth|point)wise_conv\.(?:conv|bn))\.",
        lambda match: f"upsampling.pyramid.{match[1]}.{SEPARABLE[match[2]]}.",
    ),
    (r"^auxiliary_head\.convs\.0\.(conv|bn)\.", lambda match: f"auxiliary.reduce.{UNIT[match[1]]}."),
    (r"^auxiliary_head\.conv_seg\.", "auxiliary.classify.1."),
    (r"^decode_head\.conv_seg\.", "head.classify.1."),
]

HEADS: dict[str, list[Rule]] = {
    "encnet": [
        (r"^decode_head\.bottleneck\.(conv|bn)\.", lambda match: f"head.reduce.{UNIT[match[1]]}."),
        (
            r"^decode_head\.enc_module\.encoding_project\.(conv|bn)\.",
            lambda match: f"head.context.project.{UNIT[match[1]]}.",
        ),
        (r"^decode_head\.enc_module\.encoding\.0\.", "head.context.encoding."),
        (r"^decode_head\.enc_module\.encoding\.1\.", "head.context.norm."),
        (r"^decode_head\.enc_module\.fc\.0\.", "head.context.gate."),
        (r"^decode_head\.se_layer\.", "head.context.presence."),
    ],
    "psp": [
        (r"^decode_head\.psp_modules\.(\d)\.1\.(conv|bn)\.", lambda m: f"head.pools.{m[1]}.1.{UNIT[m[2]]}."),
        (r"^decode_head\.bottleneck\.(conv|bn)\.", lambda match: f"head.fuse.{UNIT[match[1]]}."),
    ],
    "deeplabv3": [
        (r"^decode_head\.image_pool\.1\.(conv|bn)\.", lambda match: f"head.aspp.image_pool.1.{UNIT[match[1]]}."),
        (r"^decode_head\.aspp_modules\.0\.(conv|bn)\.", lambda match: f"head.aspp.pointwise.{UNIT[match[1]]}."),
        (
            r"^decode_head\.aspp_modules\.([123])\.(conv|bn)\.",
            lambda match: f"head.aspp.atrous.{int(match[1]) - 1}.{UNIT[match[2]]}.",
        ),
        (r"^decode_head\.bottleneck\.(conv|bn)\.", lambda match: f"head.refine.{UNIT[match[1]]}."),
    ],
}

MARKS = {
    "encnet": "decode_head.enc_module.encoding.0.codewords",
    "psp": "decode_head.psp_modules.0.1.conv.weight",
    "deeplabv3": "decode_head.aspp_modules.0.conv.weight",
}


def recognise(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether the names are those of mmsegmentation."""
    return "decode_head.conv_seg.weight" in weights


def translate(weights: Mapping[str, Tensor], output_stride: int | None) -> Translation:
    """Work out the network and rename its tensors. Raises ValueError for one that is no FastFCN."""
    if output_stride is not None:
        raise ValueError(
            "output_stride is for the authors' checkpoints; mmsegmentation's FastFCN is always of stride 32"
        )
    head = next((name for name, mark in MARKS.items() if mark in weights), None)
    if head is None or "neck.conv_layers.2.0.conv.weight" not in weights:
        names = [name for name in weights if name.startswith(("neck.", "decode_head."))]
        raise ValueError(f"mmsegmentation's checkpoint is no FastFCN with EncNet, PSP or ASPP head: {names[:3]}, ...")
    width = rows(weights, "neck.conv_layers.2.0.conv.weight")
    model = segmenter(
        backbone={
            "name": f"tu-resnet{resnet_depth(weights, 'backbone.')}c",
            "output_stride": 32,
            "stage_dilations": [2, 4],
        },
        upsampling=part("upsampling.jpu.JPU", width=width),
        head=_head(head, weights),
        auxiliary="auxiliary_head.conv_seg.weight" in weights,
        align_corners=False,
    )
    rules = [*COMMON, *HEADS[head]]
    renamed = {rename(name, rules): tensor for name, tensor in weights.items()}
    _reorder(renamed, width, head)
    return Translation(model, renamed, rows(weights, "decode_head.conv_seg.weight"))


def _head(head: str, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    if head == "psp":
        return part("heads.psp.PSPHead")
    bottleneck = "decode_head.bottleneck.conv.weight"
    if head == "deeplabv3":
        return part("heads.deeplabv3.DeepLabV3Head", width=rows(weights, bottleneck), projection=False)
    return part(
        "heads.encnet.EncNetHead",
        width=rows(weights, bottleneck),
        codewords=rows(weights, MARKS["encnet"]),
        kernel_size=kernel_size(weights, bottleneck),
        presence="decode_head.se_layer.weight" in weights,
    )


def _reorder(weights: dict[str, Tensor], width: int, head: str) -> None:
    """Change the order in which maps are joined: C3, C4, C5 into C5, C4, C3; image pooling first into last."""

    def backwards(tensor: Tensor, dim: int) -> Tensor:
        return torch.cat(torch.split(tensor, width, dim)[::-1], dim)

    def first_to_last(tensor: Tensor, dim: int) -> Tensor:
        pool, *others = torch.split(tensor, width, dim)
        return torch.cat([*others, pool], dim)

    def apply(change: Callable[[Tensor, int], Tensor], name: str, dim: int, joined: int) -> None:
        if name in weights and weights[name].shape[dim : dim + 1] == (joined * width,):
            weights[name] = change(weights[name], dim)

    branches = {name.split(".")[2] for name in weights if name.startswith("upsampling.pyramid.")}
    for branch in branches:
        prefix = f"upsampling.pyramid.{branch}"
        for layer in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
            apply(backwards, f"{prefix}.{layer}", 0, 3)
        apply(backwards, f"{prefix}.2.weight", 1, 3)
    if head == "deeplabv3":
        width = rows(weights, "head.refine.0.weight")
        apply(first_to_last, "head.refine.0.weight", 1, 5)
