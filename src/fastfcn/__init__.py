"""Fast semantic segmentation: Joint Pyramid Upsampling (FastFCN, arXiv:1903.11816), its rivals and its heads."""

import os
from typing import TYPE_CHECKING

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # importing albumentations must not ask the network

if TYPE_CHECKING:
    from fastfcn.checkpoints import load_network
    from fastfcn.models.features import Prediction

__version__ = "0.1.0"
__all__ = ["Prediction", "__version__", "load_network"]


def __getattr__(name: str) -> object:
    """Import PyTorch only when it is needed, so that composing a configuration stays fast."""
    if name == "load_network":
        from fastfcn.checkpoints import load_network

        return load_network
    if name == "Prediction":
        from fastfcn.models.features import Prediction

        return Prediction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
