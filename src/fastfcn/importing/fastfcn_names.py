"""From the tensor names of the authors' released checkpoints to ours."""

import re

PARTS = ("pretrained.", "jpu.", "head.", "auxlayer.")
UNUSED = r"pretrained\.fc\.(weight|bias)"  # the classifier of the ImageNet network, which segmentation never uses

_SEPARABLE = {"0.conv1": "0", "0.bn": "1", "0.pointwise": "2", "1": "3"}


def _pyramid(match: re.Match[str]) -> str:
    prefix, branch, layer = match[1], int(match[2]) - 1, _SEPARABLE[match[3]]
    return f"{prefix}pyramid.{branch}.{layer}."


_STEPS = {"1": "step1", "2": "step2"}
_SIDES = {"l": "low", "h": "high"}

COMMON: list[tuple[str, object]] = [
    (r"^pretrained\.", "backbone.encoder.model."),
    (r"^auxlayer\.conv5\.4\.", "auxiliary.classify.1."),
    (r"^auxlayer\.conv5\.", "auxiliary.reduce."),
    (r"^jpu\.jum_([12])\.", lambda match: f"jpu.{_STEPS[match[1]]}."),
    (r"^(jpu\.(?:step[12]\.)?)dilation(\d)\.(0\.conv1|0\.bn|0\.pointwise|1)\.", _pyramid),
    (r"^(jpu\.step[12]\.)conv_([lh])\.", lambda match: f"{match[1]}project_{_SIDES[match[2]]}."),
    (r"^jpu\.conv([345])\.", r"jpu.project\1."),
    (r"^jpu\.", "upsampling."),
]

HEADS: dict[str, list[tuple[str, object]]] = {
    "encnet": [
        (r"^head\.conv6\.", "head.classify."),
        (r"^head\.conv5\.", "head.reduce."),
        (r"^head\.connect\.0\.", "head.lateral.connect3."),
        (r"^head\.connect\.1\.", "head.lateral.connect4."),
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


def find_head(names: list[str]) -> str:
    """Tell the head by names that only it has. Raises ValueError if there is none."""
    marks = {
        "encnet": "head.encmodule.fc.0.weight",
        "psp": "head.conv5.0.conv1.0.weight",
        "deeplabv3": "head.aspp.b0.0.weight",
        "fcn": "head.conv5.4.weight",
    }
    for head, mark in marks.items():
        if mark in names:
            return head
    raise ValueError(f"no head known here among {', '.join(name for name in names if name.startswith('head.'))[:200]}")


def rename(name: str, head: str) -> str:
    """Translate one tensor's name."""
    for pattern, replacement in (*COMMON, *HEADS[head]):
        name = re.sub(pattern, replacement, name)  # type: ignore[call-overload]  # a string or a function
    return name
