"""What an importer has to find out about a released checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

PARTS = "fastfcn.models"
RESNET_DEPTHS = {(6, 3): 50, (23, 3): 101, (36, 3): 152}  # blocks in layer3 and layer4


@dataclass(frozen=True)
class Translation:
    """A released checkpoint in this project's terms.

    `model` is the configuration of the network, `weights` has its names, `unused` lists source tensors that no network
    for segmentation needs.
    """

    model: dict[str, Any]
    weights: dict[str, Tensor]
    num_classes: int
    unused: list[str] = field(default_factory=list)


def resnet_depth(weights: Mapping[str, Tensor], prefix: str) -> int:
    """Tell ResNet-50, -101 and -152 by their blocks. Raises ValueError for another backbone."""
    blocks = tuple(
        len({name.removeprefix(prefix).split(".")[1] for name in weights if name.startswith(f"{prefix}layer{layer}.")})
        for layer in (3, 4)
    )
    if blocks not in RESNET_DEPTHS:
        raise ValueError(
            f"the backbone has {blocks[0]} and {blocks[1]} blocks in layer3 and layer4: no ResNet-50, 101 or 152"
        )
    return RESNET_DEPTHS[blocks]


def find(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """Return the tensor called `name`. Raises ValueError if there is none."""
    if name not in weights:
        raise ValueError(f"the checkpoint lacks {name}")
    return weights[name]


def rows(weights: Mapping[str, Tensor], name: str) -> int:
    """Return the length of the tensor called `name`. Raises ValueError if there is none, or nothing to count."""
    shape = find(weights, name).shape
    if not shape:
        raise ValueError(f"the checkpoint's {name} is a single number")
    return shape[0]


def kernel_size(weights: Mapping[str, Tensor], name: str) -> int:
    """Return the side of the convolution called `name`. Raises ValueError if it is none."""
    shape = find(weights, name).shape
    if len(shape) != 4:
        raise ValueError(f"the checkpoint's {name} has the shape {tuple(shape)}, that of no convolution")
    return shape[-1]


def part(path: str, **options: Any) -> dict[str, Any]:
    """Configure an upsampling module or head, which the network completes."""
    return {"_target_": f"{PARTS}.{path}", "_partial_": True, **options}


def segmenter(
    *, backbone: dict[str, Any], upsampling: dict[str, Any], head: dict[str, Any], auxiliary: bool, align_corners: bool
) -> dict[str, Any]:
    """Configure a network."""
    return {
        "_target_": f"{PARTS}.segmenter.Segmenter",
        "auxiliary": auxiliary,
        "align_corners": align_corners,
        "backbone": {"_target_": f"{PARTS}.backbone.Backbone", "weights": None, **backbone},
        "upsampling": upsampling,
        "head": head,
    }
