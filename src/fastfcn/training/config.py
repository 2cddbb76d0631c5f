"""What conf/train.yaml composes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from fastfcn.composition import plain, require_known, typed
from fastfcn.options import AtLeastOne, Count, Name, Seed
from fastfcn.trainer_options import TrainingTrainer

# what a dataset may suggest, and where a network has it
SUGGESTED = {"backbone": ("backbone", "name"), "weights": ("backbone", "weights"), "width": ("upsampling", "width")}


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


def suggestions(suggested: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    """Tell what a dataset suggested, and what the network has instead. Raises ValueError for a name of nothing."""
    for name, value in suggested.items():
        require_known(name, SUGGESTED, "suggested")
        part, key = SUGGESTED[name]
        own = model[part].get(key)
        yield f"{name}={value}" + ("" if own == value else f" (model.{part}.{key}={own} is taken)")
