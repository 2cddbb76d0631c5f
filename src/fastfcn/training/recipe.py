"""The training recipe (FastFCN, section 4.1): SGD, rates by role, poly schedule."""

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from fastfcn.fitting import require_fields
from fastfcn.options import AtLeastOne, Name, NotNegative, Positive, Workers

REFERENCE_BATCH = 16  # the batch that a learning rate is stated for
MOMENTUM = 0.9
POLY_POWER = 0.9


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    `lr` is the backbone's at an effective batch of 16 and scales with it; everything else learns `head_lr_factor`
    times as fast. `batch_size` is per process. `frozen_bn` keeps the BatchNorm statistics as they are, for small
    batches. `checkpoint_backbone` computes the backbone's activations twice instead of keeping them. `cache` keeps
    decoded examples from one epoch to the next: "ram", or a folder that later runs use too.
    """

    lr: Positive
    epochs: AtLeastOne
    batch_size: AtLeastOne
    workers: Workers
    head_lr_factor: NotNegative
    weight_decay: NotNegative
    frozen_bn: bool
    channels_last: bool
    compile: bool
    checkpoint_backbone: bool
    cache: Name | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        require_fields(self, "recipe")

    def effective_lr(self, effective_batch: int) -> float:
        """Return the backbone's learning rate for a batch over all processes and accumulated steps."""
        return self.lr * effective_batch / REFERENCE_BATCH


def parameter_groups(network: nn.Module, lr: float, head_lr_factor: float) -> list[dict[str, Any]]:
    """Group parameters by part of the network: `backbone` at `lr`, the others at `head_lr_factor` times that."""
    return [
        {"name": name, "params": list(part.parameters()), "lr": lr if name == "backbone" else head_lr_factor * lr}
        for name, part in network.named_children()
        if any(True for _ in part.parameters())
    ]


def build_optimiser(groups: list[dict[str, Any]], weight_decay: float) -> SGD:
    """SGD with momentum; weight decay on every parameter, as the authors have it."""
    return SGD(groups, momentum=MOMENTUM, weight_decay=weight_decay)


def poly_schedule(optimiser: SGD, total_steps: int) -> LambdaLR:
    """Scale the rates by (1 - step / total)^0.9, by optimiser step."""
    return LambdaLR(optimiser, lambda step: max(1 - step / total_steps, 0.0) ** POLY_POWER)
