"""Checkpoints that describe themselves: the weights, and plain data that says how to build the network around them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import torch
from hydra.utils import get_class
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fastfcn.composition import build
from fastfcn.description import Description
from fastfcn.files import write_atomically
from fastfcn.hub.address import is_address
from fastfcn.installation import how_to_call
from fastfcn.models.inference import FastSegmenter, Network
from fastfcn.models.segmenter import Segmenter
from fastfcn.safe_loading import load_plain
from fastfcn.tensors import named_tensors, require_fitting_weights, shown

NETWORK = "network."  # where the LightningModule keeps the network
MOST_STEPS = 10**9


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of this project, read and validated.

    `weights` has the network's own names; `step` counts the optimiser steps taken; `pinned` is the address, down to the
    commit, of one from the hub.
    """

    path: Path
    description: Description
    weights: dict[str, Tensor]
    step: int
    pinned: str | None = None


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint, from a path or from hf-hub:OWNER/NAME, without running any code that it might hold.

    Raises FileNotFoundError if there is none, ValueError if it is damaged or not one of this project.
    """
    if isinstance(path, str) and is_address(path):
        from fastfcn.hub.repository import read_repository

        return read_repository(path)
    content = load_plain(Path(path))
    if not isinstance(content, dict) or "hyper_parameters" not in content:
        raise ValueError(
            f"{path} is not a checkpoint of this project (train one, or import one: {how_to_call('import_checkpoint')})"
        )
    return checkpoint_of(content, Path(path))


def checkpoint_of(content: Mapping[str, Any], path: Path) -> Checkpoint:
    """Validate what was read from `path`. Raises ValueError for what no training of this version wrote."""
    try:
        description = Description.from_dict(content["hyper_parameters"])
        weights = {
            name.removeprefix(NETWORK): tensor
            for name, tensor in named_tensors(content.get("state_dict"), "state_dict").items()
            if name.startswith(NETWORK)
        }
        step = count(content.get("global_step"), "global_step")
    except ValueError as error:
        raise ValueError(f"{path} does not describe itself as a checkpoint of this version does: {error}") from error
    return Checkpoint(path, description, weights, step)


def count(value: Any, name: str) -> int:
    """Return `value` if it is a number of steps, epochs or batches. Raises ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= MOST_STEPS:
        raise ValueError(f"{name} must be a whole number from 0 to {MOST_STEPS}, got {shown(value)}")
    return value


def build_network(model: Mapping[str, Any], num_classes: int) -> Segmenter:
    """Build the network of a model configuration. Raises ValueError for one that builds no Segmenter."""
    target = model.get("_target_")
    if target is None or not issubclass(get_class(target), Segmenter):
        raise ValueError(f"model._target_={target} does not build a Segmenter")
    network: Segmenter = build(model, "model", num_classes=num_classes)
    return network


class _Numbers(TorchFunctionMode):
    """Keeps the numbers that encoders read off torch.linspace (rates of dropped paths) real where tensors are meta."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func`."""
        kwargs = kwargs or {}
        return func(*args, **({"device": "cpu", **kwargs} if func is torch.linspace else kwargs))


def outline(model: Mapping[str, Any], num_classes: int, source: Path) -> Segmenter:
    """Build the network that `source` describes, of tensors that have shapes and no memory, whatever their size."""
    try:
        with torch.device("meta"), _Numbers():
            return build_network(model, num_classes)
    except ValueError as error:
        raise ValueError(f"{source} describes no network that can be built: {error}") from error


def build_backed(
    model: Mapping[str, Any], num_classes: int, weights: Mapping[str, Tensor], source: Path, outlined: Segmenter
) -> Segmenter:
    """Build a network, filled with `weights`, in eval mode; nothing is allocated unless they fit its outline."""
    require_fitting_weights(outlined.state_dict(), weights, source)
    network = build_network(model, num_classes)
    network.load_state_dict(dict(weights))
    return network.eval()


def load_weights(network: Segmenter, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Fill every tensor of `network`. Raises ValueError naming the first tensors that do not fit."""
    require_fitting_weights(network.state_dict(), weights, source)
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
        if name in own and tensor.shape != own[name].shape and tensor.shape[:1] == (classes,)
        and tensor.shape[1:] == own[name].shape[1:]
    ]  # fmt: skip
    return {**checkpoint.weights, **{name: own[name] for name in fresh}}, fresh


def network_of(checkpoint: Checkpoint) -> Segmenter:
    """Rebuild a checkpoint's network, in eval mode."""
    model, num_classes = checkpoint.description.model, len(checkpoint.description.classes)
    outlined = outline(model, num_classes, checkpoint.path)
    return build_backed(model, num_classes, checkpoint.weights, checkpoint.path, outlined)


@overload
def load_network(path: str | Path, *, optimize: Literal[False] = False) -> Segmenter: ...


@overload
def load_network(path: str | Path, *, optimize: Literal[True]) -> FastSegmenter: ...


def load_network(path: str | Path, *, optimize: bool = False) -> Network:
    """Load a trained network, in eval mode, from a checkpoint alone: a path, or hf-hub:OWNER/NAME[@REVISION].

    Called on images (B, channels, H, W), normalised or uint8, it returns a Prediction. With `optimize` it is made fast
    for inference (see FastSegmenter): it compiles for the first shapes that it sees and has no auxiliary head. Raises
    FileNotFoundError or ValueError as `read_checkpoint`.
    """
    network = network_of(read_checkpoint(path))
    return FastSegmenter(network) if optimize else network


def write_checkpoint(path: Path, description: Description, weights: Mapping[str, Tensor], step: int = 0) -> None:
    """Write a checkpoint to load or to fine-tune from; there is nothing in it to go on from."""
    buffer = io.BytesIO()
    content = {
        "state_dict": {NETWORK + name: tensor for name, tensor in weights.items()},
        "hyper_parameters": description.to_dict(),
        "global_step": step,
    }
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())
