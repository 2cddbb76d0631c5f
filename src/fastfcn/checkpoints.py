"""Checkpoints that describe themselves: the weights, and plain data that says how to build the network around them."""

import importlib
import io
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_class
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor

from fastfcn.composition import build
from fastfcn.models.segmenter import Segmenter

FORMAT = "fastfcn-1"
PACKAGE = "fastfcn."
NETWORK = "network."  # where the LightningModule keeps the network


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself: configuration of model and data as plain dicts, class names, colours, sizes.

    `base_size` and `crop_size` are those of training, for the protocols that repeat them.
    """

    model: dict[str, Any]
    data: dict[str, Any]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    base_size: int
    crop_size: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as `weights_only=True` reads it back."""
        return {
            "format": FORMAT,
            "model": self.model,
            "data": self.data,
            "classes": list(self.classes),
            "palette": [list(colour) for colour in self.palette],
            "base_size": self.base_size,
            "crop_size": self.crop_size,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Description":
        """Read what `to_dict` wrote."""
        palette = tuple((int(red), int(green), int(blue)) for red, green, blue in content["palette"])
        return cls(
            model=dict(content["model"]),
            data=dict(content["data"]),
            classes=tuple(content["classes"]),
            palette=palette,
            base_size=content["base_size"],
            crop_size=content["crop_size"],
        )


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of this project, read and validated. `weights` has the network's own names."""

    path: Path
    description: Description
    weights: dict[str, Tensor]


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint without running any code that it might hold.

    Raises FileNotFoundError if there is none, ValueError if it is damaged or not one of this project.
    """
    content = _load(Path(path))
    description = content.get("hyper_parameters") if isinstance(content, dict) else None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint of this project (train one with src/train.py)")
    weights = {
        name.removeprefix(NETWORK): tensor for name, tensor in content["state_dict"].items() if name.startswith(NETWORK)
    }
    return Checkpoint(Path(path), Description.from_dict(description), weights)


def read_step(path: str | Path) -> int:
    """Return the optimiser step that a checkpoint was written after. Raises as `read_checkpoint`."""
    return int(_load(Path(path))["global_step"])


def _load(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} holds pickled code and is refused; only plain data and tensors are read"
            ) from error
        raise ValueError(f"{path} is no checkpoint: {_first_line(error)}") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = "it is truncated or damaged" if _looks_like_zip(path) else "it is no checkpoint"
        raise ValueError(f"{path} cannot be read: {reason} ({_first_line(error)})") from error


def _looks_like_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK" or zipfile.is_zipfile(path)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def build_network(model: Mapping[str, Any], num_classes: int) -> Segmenter:
    """Build the network of a model configuration; targets outside this package are refused."""
    _require_own_targets(model)
    target = model.get("_target_")
    if target is None or not issubclass(get_class(target), Segmenter):
        raise ValueError(f"model._target_={target} does not build a Segmenter")
    network: Segmenter = build(model, "model", num_classes=num_classes)
    return network


def _require_own_targets(node: Any) -> None:
    """Let a configuration, which inside a file may come from anyone, name classes of this package and nothing else."""
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and not _is_own_class(str(target)):
            raise ValueError(f"the checkpoint names {target}, which is not a class of this package; refused")
        for value in node.values():
            _require_own_targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_own_targets(value)
    elif isinstance(node, str) and "${" in node:
        raise ValueError(f"the checkpoint holds an unresolved value {node!r}; refused")


def _is_own_class(target: str) -> bool:
    """Tell whether `target` is a class that a module of this package defines (not one that it merely imports)."""
    module, _, name = target.rpartition(".")
    if not module.startswith(PACKAGE):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module


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


def network_of(checkpoint: Checkpoint) -> Segmenter:
    """Rebuild a checkpoint's network, in eval mode."""
    network = build_network(checkpoint.description.model, len(checkpoint.description.classes))
    load_weights(network, checkpoint.weights, checkpoint.path)
    return network.eval()


def data_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Return the configuration of the data that a checkpoint was trained on, safe to build."""
    _require_own_targets(checkpoint.description.data)
    return checkpoint.description.data


def load_network(path: str | Path) -> Segmenter:
    """Load a trained network, in eval mode, from a checkpoint alone.

    Called on normalised images (B, 3, H, W) it returns a Prediction. Raises FileNotFoundError or ValueError as
    `read_checkpoint`.
    """
    return network_of(read_checkpoint(path))


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it, so that a killed run leaves the last whole one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write `checkpoint` to `path`."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` in one step: readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
