"""Checkpoints that describe themselves: the weights, and plain data that says how to build the network around them."""

import importlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, overload

import torch
from hydra.utils import get_class
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor

from fastfcn.composition import build
from fastfcn.data.dataset import SegmentationData
from fastfcn.files import write_atomically
from fastfcn.models.backbone import Backbone
from fastfcn.models.heads.base import Head
from fastfcn.models.inference import FastSegmenter, Network
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.safe_loading import load_plain

FORMAT = "fastfcn-2"
PACKAGE = "fastfcn."
NETWORK = "network."  # where the LightningModule keeps the network


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself: class names, colours, and configuration as plain dicts.

    `data`, `recipe`, `augmentation` and `run` (seed, processes, accumulation) are empty where they are not known, as in
    imported checkpoints.
    """

    model: dict[str, Any]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    data: dict[str, Any]
    recipe: dict[str, Any]
    augmentation: dict[str, Any]
    run: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as `weights_only=True` reads it back."""
        return {
            "format": FORMAT,
            **asdict(self),
            "classes": list(self.classes),
            "palette": [list(colour) for colour in self.palette],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Description":
        """Read what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        palette = tuple((int(red), int(green), int(blue)) for red, green, blue in content["palette"])
        parts = {name: dict(content[name]) for name in ("model", "data", "recipe", "augmentation", "run")}
        return cls(classes=tuple(str(name) for name in content["classes"]), palette=palette, **parts)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of this project, read and validated.

    `weights` has the network's own names; `step` counts the optimiser steps taken.
    """

    path: Path
    description: Description
    weights: dict[str, Tensor]
    step: int


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint without running any code that it might hold.

    Raises FileNotFoundError if there is none, ValueError if it is damaged or not one of this project.
    """
    content = load_plain(Path(path))
    if not isinstance(content, dict) or "hyper_parameters" not in content:
        raise ValueError(
            f"{path} is not a checkpoint of this project (train one, or import one with import_checkpoint.py)"
        )
    try:
        if content["hyper_parameters"]["format"] != FORMAT:
            raise ValueError(f"its format is {content['hyper_parameters']['format']}, this version reads {FORMAT}")
        description = Description.from_dict(content["hyper_parameters"])
        weights = {
            name.removeprefix(NETWORK): tensor
            for name, tensor in content["state_dict"].items()
            if name.startswith(NETWORK)
        }
        return Checkpoint(Path(path), description, weights, int(content["global_step"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} does not describe itself as a checkpoint of this version does: {error}") from error


def build_network(model: Mapping[str, Any], num_classes: int) -> Segmenter:
    """Build the network of a model configuration. Raises ValueError for one that builds no Segmenter."""
    target = model.get("_target_")
    if target is None or not issubclass(get_class(target), Segmenter):
        raise ValueError(f"model._target_={target} does not build a Segmenter")
    network: Segmenter = build(model, "model", num_classes=num_classes)
    return network


def _require_own_targets(node: Any, allowed: tuple[type, ...]) -> None:
    """Let a configuration, which inside a file may come from anyone, name parts of this package and nothing else."""
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and not _is_own_part(str(target), allowed):
            raise ValueError(f"the checkpoint names {target}, which is no part of a network or dataset here; refused")
        for value in node.values():
            _require_own_targets(value, allowed)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_own_targets(value, allowed)
    elif isinstance(node, str) and "${" in node:
        raise ValueError(f"the checkpoint holds an unresolved value {node!r}; refused")


def _is_own_part(target: str, allowed: tuple[type, ...]) -> bool:
    """Tell whether `target` is such a class, defined (not merely imported) by a module of this package."""
    module, _, name = target.rpartition(".")
    if not module.startswith(PACKAGE):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module and issubclass(found, allowed)


def load_weights(network: Segmenter, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Fill every tensor of `network`. Raises ValueError naming the first tensors that do not fit."""
    own = network.state_dict()
    missing = [name for name in own if name not in weights]
    extra = [name for name in weights if name not in own]
    shapes = [
        f"{name} {tuple(weights[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    faults = [
        f"{kind} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for kind, names in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
        if names
    ]
    if faults:
        raise ValueError(f"the weights in {source} are those of another network: {'; '.join(faults)}")
    network.load_state_dict(dict(weights))


def for_other_classes(checkpoint: Checkpoint, network: Segmenter) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights to fine-tune `network` from, and the names of those that begin anew.

    Where the class counts differ, the last layers, which have a row a class, keep the network's own random weights.
    """
    own = network.state_dict()
    classes = len(checkpoint.description.classes)
    fresh = [
        name
        for name, tensor in checkpoint.weights.items()
        if name in own and tensor.shape != own[name].shape and len(tensor) == classes
        and tensor.shape[1:] == own[name].shape[1:]
    ]  # fmt: skip
    return {**checkpoint.weights, **{name: own[name] for name in fresh}}, fresh


def network_of(checkpoint: Checkpoint) -> Segmenter:
    """Rebuild a checkpoint's network, in eval mode."""
    _require_own_targets(checkpoint.description.model, (Segmenter, Backbone, Upsampling, Head))
    network = build_network(checkpoint.description.model, len(checkpoint.description.classes))
    load_weights(network, checkpoint.weights, checkpoint.path)
    return network.eval()


def data_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Return the configuration of the data that a checkpoint was trained on, safe to build."""
    _require_own_targets(checkpoint.description.data, (SegmentationData,))
    return checkpoint.description.data


@overload
def load_network(path: str | Path, *, optimize: Literal[False] = False) -> Segmenter: ...


@overload
def load_network(path: str | Path, *, optimize: Literal[True]) -> FastSegmenter: ...


def load_network(path: str | Path, *, optimize: bool = False) -> Network:
    """Load a trained network, in eval mode, from a checkpoint alone.

    Called on normalised images (B, 3, H, W) it returns a Prediction. With `optimize` it is made fast for inference
    (see FastSegmenter): it compiles for the first shapes that it sees and has no auxiliary head. Raises
    FileNotFoundError or ValueError as `read_checkpoint`.
    """
    network = network_of(read_checkpoint(path))
    return FastSegmenter(network) if optimize else network


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it, so that a killed run leaves the last whole one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write `checkpoint` to `path`."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())
