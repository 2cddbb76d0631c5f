"""How exactly networks are computed: GPUs' float32, and half precision."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from fastfcn.composition import Node, build
from fastfcn.options import NOT_EMPTY

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]  # Lightning's names
Precisions = Annotated[tuple[Precision, ...], NOT_EMPTY]
HALVES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Numerics:
    """PyTorch's switches of that name; see torch.set_float32_matmul_precision and torch.backends.cudnn.

    A CPU has no TF32, but computes products in bfloat16 by `matmul_precision="medium"` where it can.
    """

    matmul_precision: Literal["highest", "high", "medium"]
    cudnn_allow_tf32: bool
    cudnn_benchmark: bool
    cudnn_deterministic: bool

    def apply(self) -> None:
        """Set them for this process."""
        torch.set_float32_matmul_precision(self.matmul_precision)
        torch.backends.cudnn.allow_tf32 = self.cudnn_allow_tf32
        torch.backends.cudnn.benchmark = self.cudnn_benchmark
        torch.backends.cudnn.deterministic = self.cudnn_deterministic


def set_numerics(node: Node) -> None:
    """Build the node at `numerics` and apply it."""
    numerics: Numerics = build(node, "numerics")
    numerics.apply()


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which a network computes in `precision` on `device`."""
    return torch.autocast(device.type, HALVES.get(precision), enabled=precision in HALVES)
