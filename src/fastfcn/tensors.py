"""Named tensors that a file holds, against those of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LONGEST_NAME = 500
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def named_tensors(content: Any, place: str) -> dict[str, Tensor]:
    """Return `content` if it is what a state dict should be. Raises ValueError, naming the first other value."""
    if not isinstance(content, dict):
        raise ValueError(f"{place} is {type(content).__name__}, no dict of tensors")
    for name, value in content.items():
        if not isinstance(name, str) or len(name) > LONGEST_NAME or not isinstance(value, Tensor):
            raise ValueError(f"{place}.{str(name)[:LONGEST_NAME]} is {type(value).__name__}, no named tensor")
    return content


def require_fitting_weights(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Raise ValueError, naming the first tensors, if `weights` are not finite ones of the shapes and kinds of `own`."""
    shared = [(name, tensor, weights[name]) for name, tensor in own.items() if name in weights]
    shapes = [
        f"{name} {tuple(other.shape)} for {tuple(tensor.shape)}"
        for name, tensor, other in shared
        if other.shape != tensor.shape
    ]
    kinds = [
        f"{name} {other.dtype} for {tensor.dtype}"
        for name, tensor, other in shared
        if other.is_floating_point() != tensor.is_floating_point()
    ]
    require_none(
        f"the weights in {source} are those of another network",
        missing=[name for name in own if name not in weights],
        unknown=[name for name in weights if name not in own],
        of_another_shape=shapes,
        of_another_kind=kinds,
    )
    require_finite({name: other for name, _, other in shared}, source)


def require_finite(weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Raise ValueError, naming the first tensors, if any holds NaN or infinity."""
    require_none(
        f"the weights in {source} are of kinds that no network here computes with",
        unread=[
            f"{name} {each.dtype}"
            for name, each in weights.items()
            if each.is_floating_point() and each.dtype not in FLOATS
        ],
    )
    endless = [name for name, each in weights.items() if each.is_floating_point() and not each.isfinite().all()]
    require_none(f"the weights in {source} hold NaN or infinity and are of no use", not_finite=endless)


def require_none(said: str, **faults: list[str]) -> None:
    """Raise ValueError if there are any faults, naming three of each kind."""
    found = [
        f"{kind.replace('_', ' ')} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for kind, names in faults.items()
        if names
    ]
    if found:
        raise ValueError(f"{said}: {'; '.join(found)}")


def shown(value: Any) -> str:
    """Write any value in one short line."""
    return " ".join(repr(value).split())[:100]
