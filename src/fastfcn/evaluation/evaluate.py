"""Evaluate a checkpoint on a split, from nothing but the checkpoint and the data."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning as L
from omegaconf import DictConfig, OmegaConf

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import Checkpoint
from fastfcn.composition import build, typed, without_training
from fastfcn.console import quieten_libraries
from fastfcn.data.bands import MEASURED
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.labelled import SCORING, require_labelled
from fastfcn.data.opening import build_data
from fastfcn.data.remapping import Remap
from fastfcn.evaluation.confusions import write_images
from fastfcn.evaluation.evaluator import EvaluationLoader, EvaluationModule, Pictures
from fastfcn.evaluation.mapping import MappedProtocol, map_classes
from fastfcn.evaluation.printing import print_scores
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.evaluation.regions.counting import write_region_counts
from fastfcn.evaluation.subject import open_subject
from fastfcn.files import require_folders, write_atomically
from fastfcn.machine import require_devices
from fastfcn.numerics import Precision, set_numerics
from fastfcn.options import AtLeastOne, Count, Name, Workers
from fastfcn.pictures import legend, save_picture
from fastfcn.reporting.result import build_result, write_result
from fastfcn.reporting.schema import RESULT, read_result
from fastfcn.trainer_options import EvaluationTrainer
from fastfcn.training.company import ending_together, follow_launcher, watched

log = logging.getLogger(__name__)

CHANNELS = ("channels", "range", "shown")  # of data=folder


@dataclass(frozen=True)
class EvaluationConfig:
    """The root of conf/evaluate.yaml, resolved."""

    checkpoint: Name | None
    model_file: Name | None
    data: dict[str, Any]
    split: Name | None
    protocol: dict[str, Any]
    class_map: Remap | None
    absent: Literal["skip", "zero"]
    pictures: Count
    boundary: bool
    workers: Workers
    batch_size: AtLeastOne
    pad_to: AtLeastOne | None
    precision: Precision
    optimize: bool
    devices: AtLeastOne
    trainer: EvaluationTrainer
    numerics: dict[str, Any]


def evaluate(config: DictConfig, run_dir: Path) -> None:
    """Score config.checkpoint and write result.json, and pictures, into `run_dir`."""
    started = time.perf_counter()
    follow_launcher()
    quieten_libraries()
    keep_freed_memory()
    content = without_training(config)
    settings = typed(EvaluationConfig, content)
    set_numerics(settings.numerics)
    require_devices(settings.trainer["accelerator"], devices=settings.devices)
    result = run_dir / RESULT
    if result.exists():
        raise ValueError(f"{result} exists and is not overwritten; give another hydra.run.dir=")
    subject = open_subject(settings.checkpoint, settings.model_file, optimize=settings.optimize)
    data = open_data_for(subject.classes, subject.data, settings.data, class_map=settings.class_map)
    subject.network.statistics.require(data.channels, f"those of data={data.name}")
    split = settings.split or data.val_split
    loader = EvaluationLoader(
        data, split, workers=settings.workers, batch_size=settings.batch_size, pad_to=settings.pad_to
    )
    require_labelled(data, split, SCORING)
    protocol = build_protocol(settings.protocol, subject.sizes)
    if not protocol.several and (settings.batch_size > 1 or settings.pad_to is not None):
        raise ValueError(
            "batch_size and pad_to are for whole images, protocol=full; of windows, protocol.batch= go through the "
            "network together"
        )
    if settings.class_map is not None:
        protocol = MappedProtocol(protocol, map_classes(subject.classes, data.classes, settings.class_map))
    module = EvaluationModule(
        subject.network,
        protocol,
        num_classes=len(data.classes),
        absent=settings.absent,
        pictures=Pictures(run_dir / "pictures", loader.split, data, count=settings.pictures),
        boundary=settings.boundary,
    )
    trainer: L.Trainer = build(
        settings.trainer,
        "trainer",
        devices=settings.devices,
        precision=settings.precision,
        logger=False,
        use_distributed_sampler=False,
    )
    if settings.pictures:
        require_folders(run_dir / "pictures")
    with ending_together(watched(trainer)):
        trainer.test(module, datamodule=loader, verbose=False)
    if trainer.is_global_zero:
        scores = module.scores
        assert scores is not None
        if scores.absent:
            log.info("%d classes occur nowhere: absent=%s", scores.absent, settings.absent)
        if settings.pictures:
            save_picture(legend(data.classes, data.palette), run_dir / "pictures" / "legend.png")
        print_scores(scores, data.classes, title=f"{data.name} {split}, protocol {protocol.name}")
        write_atomically(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(content)).encode())
        write_images(run_dir, module.per_image, loader.split, len(data.classes))
        if module.per_region is not None:
            write_region_counts(run_dir, module.per_region, loader.split, len(data.classes))
        trained = origin(settings.checkpoint)
        measured = build_result(
            metrics={
                f"{split}/miou_{protocol.name}": scores.miou,
                f"{split}/pixacc_{protocol.name}": scores.pixacc,
            },
            iou=dict(zip(data.classes, scores.iou.tolist(), strict=True)),
            network=subject.facts(),
            device=trainer.strategy.root_device,
            data=data.name,
            seed=trained.pop("seed"),
            **trained,
            seconds=time.perf_counter() - started,
            **subject.source,
            images=len(loader.split),
            protocol=protocol.name,
            split=split,
        )
        write_result(run_dir, measured)


def origin(checkpoint: str | None) -> dict[str, Any]:
    """Say of which table, row and seed a checkpoint is, and after how many steps, where its training's result tells."""
    try:
        trained = read_result(Path(checkpoint or "").parent.parent / RESULT)
    except (OSError, ValueError):
        return {"seed": None}
    return {name: getattr(trained, name) for name in ("experiment", "row", "seed", "steps")}


def open_data(checkpoint: Checkpoint, chosen: Mapping[str, Any]) -> SegmentationData:
    """Open the data that a command names, or else the data that the checkpoint was trained on.

    Raises ValueError if its classes are not those of the checkpoint.
    """
    return open_data_for(checkpoint.description.classes, checkpoint.description.data, chosen)


def _channels(own: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a network's `own` images are read, for others of its kind of data."""
    alike = own.get("_target_") == chosen["_target_"]
    return {key: own[key] for key in CHANNELS if alike and own.get(key) is not None}


def open_data_for(
    known: Sequence[str], own: Mapping[str, Any], chosen: Mapping[str, Any], *, class_map: Remap | None = None
) -> SegmentationData:
    """Open the data that is `chosen`, or else a network's `own`.

    Raises ValueError for others than `known` classes, unless `class_map` says which are which.
    """
    overrides = {key: value for key, value in chosen.items() if value is not None}
    node = {**_channels(own, overrides), **overrides} if "_target_" in overrides else {**own, **overrides}
    if "_target_" not in node:
        raise ValueError("the file does not say what data it is for; give data=NAME data.root=PATH")
    if node.get("range") == MEASURED and own.get("range") is not None:
        node = {**node, "range": own["range"]}
    data = build_data(node)
    if class_map is not None:
        return data
    if data.classes != tuple(known) and len(data.classes) == len(known):
        log.warning("class names differ: %s in the checkpoint, %s in data=%s", known[:5], data.classes[:5], data.name)
    if len(data.classes) != len(known):
        raise ValueError(
            f"the network predicts {len(known)} classes ({', '.join(known[:3])}, ...), "
            f"data={data.name} has {len(data.classes)} ({', '.join(data.classes[:3])}, ...); "
            "evaluate on the data it was trained on, or say which is which with class_map="
        )
    return data
