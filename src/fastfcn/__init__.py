"""Fast semantic segmentation: Joint Pyramid Upsampling (FastFCN, arXiv:1903.11816), its rivals and its heads."""

import importlib
import os
from typing import TYPE_CHECKING

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # importing albumentations must not ask the network

if TYPE_CHECKING:
    from fastfcn.checkpoints import load_network
    from fastfcn.creation import create_network
    from fastfcn.models.features import Prediction

__version__ = "0.1.0"
__all__ = ["Prediction", "__version__", "create_network", "load_network"]
HOMES = {
    "create_network": "fastfcn.creation",
    "load_network": "fastfcn.checkpoints",
    "Prediction": "fastfcn.models.features",
}


def __getattr__(name: str) -> object:
    """Import PyTorch only when it is needed, so that composing a configuration stays fast."""
    if name in HOMES:
        return getattr(importlib.import_module(HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
