"""The training recipe: by default FastFCN's (section 4.1)."""

from dataclasses import dataclass
from typing import Literal

from fastfcn.fitting import require_fields
from fastfcn.options import AtLeastOne, Factor, Name, NotNegative, Positive, Share, Stages, Workers

REFERENCE_BATCH = 16  # the batch that a learning rate is stated for


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    `lr` is the backbone's at an effective batch of 16 and scales with it; everything else learns `head_lr_factor`
    times as fast. `batch_size` is per process. `frozen_bn` keeps the BatchNorm statistics as they are, for small
    batches. `checkpoint_backbone` computes the backbone's activations twice instead of keeping them. `cache` keeps
    decoded examples from one epoch to the next: "ram", or a folder that later runs use too.

    `warmup` is the share of all steps in which the rates rise from nothing. `stage_decay` slows AdamW's rates by this
    factor from each stage of the backbone to the one before. `ema` is the decay of a running mean of the weights, which
    is what is validated and kept. `patience` ends training after so many validations without a better mIoU.
    `frozen_stages` keeps the backbone's first stages as they are (1: up to C2, 4: all), in the first `frozen_epochs`.
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
    optimizer: Literal["sgd", "adamw"] = "sgd"
    schedule: Literal["poly", "cosine"] = "poly"
    warmup: Share = 0.0
    stage_decay: Factor | None = None
    ema: Factor | None = None
    patience: AtLeastOne | None = None
    frozen_stages: Stages = 0
    frozen_epochs: AtLeastOne | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        require_fields(self, "recipe")

    def effective_lr(self, effective_batch: int) -> float:
        """Return the backbone's learning rate for a batch over all processes and accumulated steps."""
        return self.lr * effective_batch / REFERENCE_BATCH
