"""What conf/train.yaml composes to."""

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from fastfcn.composition import plain, typed
from fastfcn.options import AtLeastOne, Count, Name, Seed
from fastfcn.trainer_options import TrainingTrainer


@dataclass(frozen=True)
class RunConfig:
    """The root of conf/train.yaml, resolved; nodes are plain dicts."""

    model: dict[str, Any]
    data: dict[str, Any]
    recipe: dict[str, Any]
    budget: dict[str, Any]
    augmentation: dict[str, Any]
    loss: dict[str, Any]
    trainer: TrainingTrainer
    numerics: dict[str, Any]
    logger: dict[str, Any]
    seed: Seed
    resume: Name | None
    init: Name | None
    devices: AtLeastOne
    num_nodes: AtLeastOne
    checkpoint_every: AtLeastOne
    pictures: Count
    suggested: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    score_split: Name | None = None
    experiment: str | None = None
    row: str | None = None


def read_config(config: DictConfig) -> RunConfig:
    """Resolve the root configuration. Raises ValueError for a value not given or a key or value that does not fit."""
    return typed(RunConfig, plain(config))
