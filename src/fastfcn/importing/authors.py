"""Checkpoints of the authors' code: `pretrained.* jpu.* head.* auxlayer.*`."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fastfcn.importing.renaming import Rule, rename
from fastfcn.importing.source import Translation, kernel_size, part, resnet_depth, rows, segmenter

PREFIXES = ("pretrained.", "jpu.", "head.", "auxlayer.")
UNUSED = r"pretrained\.fc\.(weight|bias)"  # the classifier of the ImageNet network

_SEPARABLE = {"0.conv1": "0", "0.bn": "1", "0.pointwise": "2", "1": "3"}
_SIDES = {"l": "low", "h": "high"}

COMMON: list[Rule] = [
    (r"^pretrained\.", "backbone.encoder.model."),
    (r"^auxlayer\.conv5\.4\.", "auxiliary.classify.1."),
    (r"^auxlayer\.conv5\.", "auxiliary.reduce."),
    (r"^jpu\.jum_([12])\.", r"jpu.step\1."),
    (
        r"^(jpu\.(?:step[12]\.)?)dilation(\d)\.(0\.conv1|0\.bn|0\.pointwise|1)\.",
        lambda match: f"{match[1]}pyramid.{int(match[2]) - 1}.{_SEPARABLE[match[3]]}.",
    ),
    (r"^(jpu\.step[12]\.)conv_([lh])\.", lambda match: f"{match[1]}project_{_SIDES[match[2]]}."),
    (r"^jpu\.conv([345])\.", r"jpu.project\1."),
    (r"^jpu\.", "upsampling."),
]

HEADS: dict[str, list[Rule]] = {
    "encnet": [
        (r"^head\.conv6\.", "head.classify."),
        (r"^head\.conv5\.", "head.reduce."),
        (r"^head\.connect\.([01])\.", lambda match: f"head.lateral.connect{int(match[1]) + 3}."),
        (r"^head\.fusion\.", "head.lateral.fuse."),
        (r"^head\.encmodule\.encoding\.([01])\.", r"head.context.project.\1."),
        (r"^head\.encmodule\.encoding\.3\.", "head.context.encoding."),
        (r"^head\.encmodule\.encoding\.4\.", "head.context.norm."),
        (r"^head\.encmodule\.fc\.0\.", "head.context.gate."),
        (r"^head\.encmodule\.selayer\.", "head.context.presence."),
    ],
    "psp": [
        (r"^head\.conv5\.0\.conv(\d)\.", lambda match: f"head.pools.{int(match[1]) - 1}.1."),
        (r"^head\.conv5\.([12])\.", lambda match: f"head.fuse.{int(match[1]) - 1}."),
        (r"^head\.conv5\.5\.", "head.classify.1."),
    ],
    "deeplabv3": [
        (r"^head\.aspp\.b0\.", "head.aspp.pointwise."),
        (r"^head\.aspp\.b([123])\.", lambda match: f"head.aspp.atrous.{int(match[1]) - 1}."),
        (r"^head\.aspp\.b4\.gap\.([12])\.", lambda match: f"head.aspp.image_pool.1.{int(match[1]) - 1}."),
        (r"^head\.aspp\.project\.", "head.aspp.project.0."),
        (r"^head\.block\.4\.", "head.classify.1."),
        (r"^head\.block\.", "head.refine."),
    ],
    "fcn": [
        (r"^head\.conv5\.4\.", "head.classify.1."),
        (r"^head\.conv5\.", "head.reduce."),
    ],
}

CLASSIFIERS = {"encnet": "head.conv6.1", "psp": "head.conv5.5", "deeplabv3": "head.block.4", "fcn": "head.conv5.4"}


def recognise(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether the names are those of the authors' code."""
    return any(name.startswith("pretrained.") for name in weights) and any(name.startswith("head.") for name in weights)


def translate(weights: Mapping[str, Tensor], output_stride: int | None) -> Translation:
    """Work out the network and rename its tensors.

    Nothing in the weights tells a dilated backbone from a plain one; without JPU the authors' is dilated to 8 unless
    `output_stride` says otherwise. Raises ValueError for a network that this project does not know.
    """
    head = find_head(weights)
    classifier = f"{CLASSIFIERS[head]}.weight"
    upsampling = _upsampling(weights)
    joint = upsampling["_target_"].endswith(("JPU", "JPUX"))
    model = segmenter(
        backbone={
            "name": f"tu-resnet{resnet_depth(weights, 'pretrained.')}s",
            "output_stride": output_stride or (32 if joint else 8),
        },
        upsampling=upsampling,
        head=_head(head, weights),
        auxiliary="auxlayer.conv5.4.weight" in weights,
        align_corners=True,
    )
    unused = [name for name in weights if re.fullmatch(UNUSED, name)]
    rules = [*COMMON, *HEADS[head]]
    renamed = {rename(name, rules): tensor for name, tensor in weights.items() if name not in unused}
    return Translation(model, renamed, rows(weights, classifier), unused)


def find_head(weights: Mapping[str, Tensor]) -> str:
    """Tell the head by names that only it has. Raises ValueError if there is none."""
    marks = {
        "encnet": "head.encmodule.encoding.3.codewords",
        "psp": "head.conv5.0.conv1.0.weight",
        "deeplabv3": "head.aspp.b0.0.weight",
        "fcn": "head.conv5.4.weight",
    }
    for head, mark in marks.items():
        if mark in weights and f"{CLASSIFIERS[head]}.weight" in weights:
            return head
    names = [name for name in weights if name.startswith("head.")]
    raise ValueError(f"no FCN, PSP, DeepLabV3 or EncNet head: found {', '.join(names[:3])}, ...")


def _upsampling(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    if "jpu.jum_2.conv_l.0.weight" in weights:
        return part("upsampling.jpu_x.JPUX", width=rows(weights, "jpu.jum_2.conv_l.0.weight"))
    if "jpu.conv5.0.weight" in weights:
        return part("upsampling.jpu.JPU", width=rows(weights, "jpu.conv5.0.weight"))
    return part("upsampling.none.NoUpsampling")


def _head(head: str, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    if head != "encnet":
        name = {"psp": "psp.PSPHead", "deeplabv3": "deeplabv3.DeepLabV3Head", "fcn": "fcn.FCNHead"}[head]
        return part(f"heads.{name}")
    return part(
        "heads.encnet.EncNetHead",
        lateral="head.connect.0.0.weight" in weights,
        width=rows(weights, "head.conv5.0.weight"),
        codewords=rows(weights, "head.encmodule.encoding.3.codewords"),
        kernel_size=kernel_size(weights, "head.conv5.0.weight"),
        presence="head.encmodule.selayer.weight" in weights,
    )
