"""What a checkpoint says of itself: the one schema that all of it passes before any of it is used."""

import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, get_type_hints

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from fastfcn.composition import GIVEN, PARTIAL, TARGET, check_keys
from fastfcn.data.classes import LONGEST_NAME
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.folder import MAX_CLASSES
from fastfcn.data.palette import Colour
from fastfcn.fitting import require_fitting
from fastfcn.models.backbone import Backbone
from fastfcn.models.heads.base import Head
from fastfcn.models.normalisation import IMAGENET, Statistics
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.options import AtLeastOne, Seed, Weights, holds
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.terms.base import LossTerm

FORMAT = "fastfcn-2"
MOST_VALUES = 10_000  # 255 classes with their colours, in two places, are a third of it
DEEPEST = 8
LONGEST_TEXT = 4096  # of paths
OWN_NAME = r"fastfcn(\.\w+)+"
PARTS = {
    "model": (Segmenter, Backbone, Upsampling, Head),
    "data": (SegmentationData,),
    "loss": (SegmentationLoss, LossTerm),
}
ONLY = {"recipe": "fastfcn.training.recipe.Recipe", "augmentation": "fastfcn.data.augmentation.Augmentation"}

ClassName = Annotated[
    str,
    holds(f"a name of 1 to {LONGEST_NAME} characters", lambda name: 0 < len(name.strip()) <= len(name) <= LONGEST_NAME),
]
Classes = Annotated[
    tuple[ClassName, ...],
    holds(f"a list of 2 to {MAX_CLASSES} class names", lambda names: 2 <= len(names) <= MAX_CLASSES),
]


@with_config(ConfigDict(strict=True, extra="forbid"))
class Circumstances(TypedDict, total=False):
    """What a training also depends on."""

    seed: Seed
    processes: AtLeastOne
    accumulate_grad_batches: AtLeastOne
    class_weights: Weights
    steps: AtLeastOne


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself: class names, colours, and configuration as plain dicts.

    `data`, `recipe`, `augmentation`, `loss` and `run` (seed, processes, accumulation, counted weights of classes, a
    budget's steps) are empty where they are not known, as in imported checkpoints. Raises ValueError, naming the value,
    for what no training of this suite can have written.
    """

    model: dict[str, Any]
    classes: Classes
    palette: tuple[Colour, ...]
    data: dict[str, Any]
    recipe: dict[str, Any]
    augmentation: dict[str, Any]
    run: Circumstances
    loss: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value, and every name of a class before it is imported."""
        _Plainness().require(asdict(self), "")
        content = self.to_dict()
        for name, hint in get_type_hints(Description, include_extras=True).items():
            require_fitting(content[name], hint, name)
        if len(self.palette) != len(self.classes):
            raise ValueError(f"palette has {len(self.palette)} colours for {len(self.classes)} classes")
        if len(self.run.get("class_weights", self.classes)) != len(self.classes):
            raise ValueError(f"run.class_weights has another length than the {len(self.classes)} classes")
        for name in ("model", "data", "recipe", "augmentation", "loss"):
            node = getattr(self, name)
            if PARTIAL in node:
                raise ValueError(f"{name}.{PARTIAL} is not an option")
            if node or name == "model":
                _require_own_targets(node, name)
                check_keys(node, name, given=GIVEN.get(name, ()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as `weights_only=True` reads it back."""
        return {
            "format": FORMAT,
            **asdict(self),
            "classes": list(self.classes),
            "palette": [list(colour) for colour in self.palette],
        }

    @classmethod
    def from_dict(cls, content: Any) -> "Description":
        """Read what `to_dict` wrote. Raises ValueError for anything else."""
        _Plainness().require(content, "")
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else "unknown"
            raise ValueError(f"its format is {found}, this version reads {FORMAT}")
        names = set(get_type_hints(cls))
        content = {"loss": {}, **content}  # which older files do not tell
        if wrong := sorted(names.symmetric_difference(set(content) - {"format"})):
            raise ValueError(f"{wrong[0]} is {'missing' if wrong[0] in names else 'no part of a description'}")
        for name in ("classes", "palette"):
            if not isinstance(content[name], list):
                raise ValueError(f"{name} is no list")
        if not all(isinstance(colour, list) for colour in content["palette"]):
            raise ValueError("palette holds what is no list of three values")
        colours = tuple(tuple(colour) for colour in content["palette"])
        parts = {name: content[name] for name in names - {"classes", "palette"}}
        if isinstance(parts["model"], dict):
            parts["model"] = with_statistics(parts["model"], IMAGENET)  # which older files do not tell
        return cls(classes=tuple(content["classes"]), palette=colours, **parts)


def with_statistics(model: Mapping[str, Any], statistics: Statistics) -> dict[str, Any]:
    """Write down what a network's images are normalised by, where its configuration leaves that open."""
    backbone = model.get("backbone")
    if not isinstance(backbone, Mapping):
        return dict(model)
    known = {name: value for name, value in backbone.items() if name not in ("mean", "std") or value is not None}
    return {**model, "backbone": {"mean": list(statistics.mean), "std": list(statistics.std), **known}}


class _Plainness:
    """Numbers, text and containers of them, few enough, and no key that Hydra would act on."""

    def __init__(self) -> None:
        self._values = 0

    def require(self, node: Any, place: str, depth: int = 0) -> None:
        """Raise ValueError if there is more at `place`."""
        self._values += 1
        if self._values > MOST_VALUES or depth > DEEPEST:
            raise ValueError("the description is larger or deeper than any that this suite writes; refused")
        if isinstance(node, dict):
            for key, value in node.items():
                _require_key(key, value, place)
                self.require(value, f"{place}.{key}".lstrip("."), depth + 1)
        elif isinstance(node, list | tuple):
            for index, value in enumerate(node):
                self.require(value, f"{place}.{index}".lstrip("."), depth + 1)
        else:
            _require_scalar(node, place or "the description")


def _require_key(key: Any, value: Any, place: str) -> None:
    _require_scalar(key, f"a key of {place or 'the description'}")
    if not isinstance(key, str):
        raise ValueError(f"a key of {place or 'the description'} is {key!r}, no text; refused")
    if key.startswith("_") and key != TARGET and not (key == PARTIAL and value is True):
        raise ValueError(f"{place or 'the description'} holds {key}, which no description does; refused")


def _require_scalar(value: Any, place: str) -> None:
    """Raise ValueError if `value` is no number or text that a configuration can hold."""
    if isinstance(value, str):
        if "${" in value:
            raise ValueError(f"{place} holds an unresolved value {value[:100]!r}; refused")
        if len(value) > LONGEST_TEXT or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", value):
            raise ValueError(f"{place} holds control characters or more than {LONGEST_TEXT} others; refused")
    elif type(value) not in (bool, int, float, type(None)):
        raise ValueError(f"{place} is {type(value).__name__}, no number or text; refused")
    elif value is not None and not (abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)):
        raise ValueError(f"{place} is a number beyond all bounds; refused")


def _require_own_targets(node: Any, part: str) -> None:
    """Let `part` of a description, which may come from anyone, name parts of this package and nothing else."""
    if isinstance(node, Mapping):
        target = node.get(TARGET)
        if target is not None and not _is_own_part(str(target), part):
            raise ValueError(f"the checkpoint names {target}, which is no part of a network or dataset here; refused")
        for value in node.values():
            _require_own_targets(value, part)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_own_targets(value, part)


def _is_own_part(target: str, part: str) -> bool:
    """Tell whether `target` is a class for that part, defined (not merely imported) by a module of this package."""
    if part in ONLY:
        return target == ONLY[part]
    module, _, name = target.rpartition(".")
    if not re.fullmatch(OWN_NAME, module):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module and issubclass(found, PARTS[part])
