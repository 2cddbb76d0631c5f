"""What predict.py predicts with: a checkpoint's network in PyTorch, or an export of it by other software."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastfcn.checkpoints import Checkpoint, read_checkpoint
from fastfcn.data.palette import Colour
from fastfcn.evaluation.protocols import FullImage, build_protocol
from fastfcn.exporting.formats import Opened
from fastfcn.prediction.config import PredictionConfig
from fastfcn.prediction.journal import digest
from fastfcn.prediction.outputs import FROM_PROBABILITIES
from fastfcn.prediction.processes import device_of

AUTO = "auto"


@dataclass(frozen=True)
class Engine:
    """A `source` of predictions and what is known of it: `data` it was trained on, with the `sizes` of training.

    `checkpoint` is the SHA-256 of the checkpoint it comes from, or its place on the hub; `identity` tells its
    predictions from those of others.
    """

    source: Checkpoint | Opened
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    data: Mapping[str, Any]
    sizes: Mapping[str, Any]
    checkpoint: str
    identity: dict[str, str]
    said: str = ""


def open_engine(settings: PredictionConfig, *, rank: int = 0) -> Engine:
    """Open what is asked for, for the process of that rank. Raises ValueError if it cannot be, or nothing is."""
    if settings.model_file not in (None, AUTO):
        return _of_file(settings, settings.model_file)
    if settings.checkpoint is None:
        raise ValueError("checkpoint must be given, for instance checkpoint=PATH; or model_file=PATH of an export")
    checkpoint = read_checkpoint(settings.checkpoint)
    own = _of_checkpoint(checkpoint)
    if settings.model_file is None or checkpoint.pinned or not _may_be_replaced(settings, own, rank):
        return own
    from fastfcn.exporting.choice import faster_export  # not before it may be wanted

    found = faster_export(checkpoint.path.parent, own.checkpoint)
    return own if found is None else replace(own, source=found[0], said=f"{found[1]}; model_file=null: PyTorch does")


def _may_be_replaced(settings: PredictionConfig, own: Engine, rank: int) -> bool:
    """Tell whether an export would do what is asked for: whole images in float32 on a CPU."""
    if not settings.optimize or settings.precision != "32-true":
        return False
    whole = isinstance(build_protocol(settings.protocol, own.sizes), FullImage)
    return whole and device_of(settings.device, rank, settings.devices).type == "cpu"


def _of_checkpoint(checkpoint: Checkpoint) -> Engine:
    description = checkpoint.description
    name = checkpoint.pinned or digest(checkpoint.path)
    return Engine(
        checkpoint, description.classes, description.palette, description.data, description.augmentation, name,
        {"checkpoint": name},
    )  # fmt: skip


def _of_file(settings: PredictionConfig, path: str) -> Engine:
    from fastfcn.exporting.opening import open_model_file  # of an extra

    if settings.checkpoint is not None:
        raise ValueError("checkpoint= and model_file= are both given; leave one of the two out")
    if settings.temperature == "calibrated":
        raise ValueError("temperature=calibrated is kept beside a checkpoint; with model_file= give temperature=NUMBER")
    if settings.precision != "32-true" or settings.device not in (AUTO, "cpu"):
        raise ValueError(f"{path} is run on the CPU in its own precision: leave precision= and device= out")
    opened = open_model_file(path)
    manifest = opened.manifest
    if manifest.outputs == "labels" and (settings.threshold is not None or {*settings.write} & {*FROM_PROBABILITIES}):
        raise ValueError(f"{path} gives labels alone, of no confidence; export it with outputs=logits or probabilities")
    said = f"{opened.engine} predicts by {path}"
    identity = {"checkpoint": manifest.checkpoint, "model_file": digest(path)}
    return Engine(opened, manifest.classes, manifest.palette, {}, manifest.sizes, manifest.checkpoint, identity, said)
