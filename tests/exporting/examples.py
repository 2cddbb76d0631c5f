"""A manifest to begin from."""

from typing import Any

from fastfcn.exporting.manifest import Manifest
from fastfcn.reporting.schema import Model


def manifest(**changed: Any) -> Manifest:
    """Return that of a network of three classes for images of any size."""
    known = {
        "classes": ("sky", "road", "tree"), "palette": ((1, 2, 3), (4, 5, 6), (7, 8, 9)), "input": "uint8",
        "outputs": "logits", "precision": "fp32", "size": None, "batch": None, "mean": (0.5, 0.5, 0.5),
        "std": (0.2, 0.2, 0.2), "align_corners": True, "base_size": None, "crop_size": 64, "checkpoint": "ab" * 32,
        "model": Model(backbone="tu-resnet18", output_stride=32, upsampling="jpu", head="encnet"), "parameters": 9,
        "gflops": 1.5,
    }  # fmt: skip
    return Manifest(**{**known, **changed})
