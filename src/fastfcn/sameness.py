"""When two configurations are those of one training: what a run may change that is resumed or swept again."""

from collections.abc import Mapping
from typing import Any

# beginnings of options that say where, how fast and how often, but not what is computed, rounding apart
MAY_CHANGE = (
    "resume", "checkpoint_every", "pictures", "logger.", "numerics.", "data.root", "recipe.workers", "recipe.cache",
    "budget._target_", "recipe.compile", "recipe.channels_last", "recipe.checkpoint_backbone", "model.backbone.weights",
    "trainer.enable_progress_bar", "trainer.log_every_n_steps", "trainer.default_root_dir",
)  # fmt: skip


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every leaf of a configuration by its dotted path."""
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        leaves.update(flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value})
    return leaves


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return the first option that differs between two flat configurations and may not: by name, the model's first.

    Options of the loss follow from the head.
    """
    differing = [key for key in {*before, *now} if before.get(key) != now.get(key) and not key.startswith(MAY_CHANGE)]
    return min(differing, key=lambda key: (not key.startswith("model."), key), default=None)
