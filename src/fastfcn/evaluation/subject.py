"""What evaluate.py scores: a checkpoint's network, or an exported file in its place."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.models.cost import network_facts
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter, Network


@dataclass(frozen=True)
class Subject:
    """A network and what its file says: `source` and `facts` are for result.json, `sizes` those of training."""

    network: Network
    classes: tuple[str, ...]
    data: Mapping[str, Any]
    sizes: Mapping[str, Any]
    facts: Callable[[], dict[str, Any]]
    source: dict[str, str]


def open_subject(checkpoint: str | None, model_file: str | None, *, optimize: bool) -> Subject:
    """Open the one of both that is given. Raises ValueError for none or two, or if it cannot be read."""
    if checkpoint is not None and model_file is not None:
        raise ValueError("checkpoint= and model_file= are both given; leave one of the two out")
    if model_file is not None:
        return _of_file(model_file)
    if checkpoint is None:
        raise ValueError("checkpoint must be given, for instance checkpoint=PATH; or model_file=PATH of an export")
    return _of_checkpoint(checkpoint, optimize=optimize)


def _of_checkpoint(path: str, *, optimize: bool) -> Subject:
    read = read_checkpoint(path)
    network = network_of(read)
    return Subject(
        FastSegmenter(copy.deepcopy(network), compile_after=COMPILE_AFTER) if optimize else network,
        read.description.classes,
        read.description.data,
        read.description.augmentation,
        partial(network_facts, network),
        {"checkpoint": read.pinned or path},
    )


def _of_file(path: str) -> Subject:
    from fastfcn.exporting.feeding import network_of_file  # of an extra
    from fastfcn.exporting.opening import open_model_file

    opened = open_model_file(path)
    manifest = opened.manifest
    return Subject(
        network_of_file(opened),
        manifest.classes,
        {},
        manifest.sizes,
        partial(manifest.model_dump, include={"model", "parameters", "gflops"}),
        {"model_file": path, "precision": manifest.precision, "engine": opened.engine},
    )
