"""What is pushed: weights, configuration and card, with nothing that names a place of the machine they come from."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from safetensors.torch import save

from fastfcn.checkpoints import Checkpoint
from fastfcn.description import Description
from fastfcn.hub.repository import CARD, CONFIG, LIBRARY, WEIGHTS, Config

PLACE = re.compile(r"~|/|\\|[A-Za-z]:[\\/]|[a-z]+://")  # how a path, or an address, begins
IMAGENET = "imagenet"  # of model.backbone.weights: no path


def files_of(checkpoint: Checkpoint, card: str) -> dict[str, bytes]:
    """Return the files of a repository, by name. Raises ValueError if the description names places beyond the usual."""
    weights = save({name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}, {"format": "pt"})
    config: Config = {
        "library_name": LIBRARY,
        "weights": hashlib.sha256(weights).hexdigest(),
        "global_step": checkpoint.step,
        "hyper_parameters": portable(checkpoint.description).to_dict(),
    }
    return {WEIGHTS: weights, CONFIG: (json.dumps(config, indent=2) + "\n").encode(), CARD: card.encode()}


def portable(description: Description) -> Description:
    """Leave out where the data, a cache and pretrained weights lay. Raises ValueError if there is a further place."""
    data = {key: value for key, value in description.data.items() if key != "root"}
    recipe = {key: None if key == "cache" else value for key, value in description.recipe.items()}
    backbone = dict(description.model["backbone"])
    if backbone.get("weights") != IMAGENET:
        backbone["weights"] = None
    kept = replace(description, data=data, recipe=recipe, model={**description.model, "backbone": backbone})
    parts = {name: getattr(kept, name) for name in ("model", "data", "recipe", "augmentation", "loss")}
    for place, text in _texts(parts):
        if PLACE.match(text):
            raise ValueError(
                f"{place}={text} of the checkpoint names a place of this machine, which would be published"
            )
    return kept


def _texts(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text below `node`, with its place."""
    if isinstance(node, str):
        yield place, node
    elif isinstance(node, Mapping | list | tuple):
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _texts(value, f"{place}.{key}".lstrip("."))
