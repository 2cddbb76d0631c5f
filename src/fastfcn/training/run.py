"""One training run, from a composed configuration to its folder of results."""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from omegaconf import DictConfig

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import (
    AtomicCheckpointIO,
    Checkpoint,
    Description,
    build_network,
)
from fastfcn.composition import build, plain, typed
from fastfcn.console import quieten_libraries
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.cache import open_cache
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.loading import SegmentationLoaders
from fastfcn.evaluation.final import score_whole_images, whole_image_metrics
from fastfcn.evaluation.metrics import BEST_METRIC
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.run import build_protocol
from fastfcn.reporting.result import describe, write_result
from fastfcn.reporting.tables import print_scores
from fastfcn.tracking.logging import Logging, close_loggers
from fastfcn.training.callbacks import BestCheckpoint, training_callbacks
from fastfcn.training.module import SegmentationModule
from fastfcn.training.preemption import Preempted
from fastfcn.training.recipe import Recipe
from fastfcn.training.resume import find_resume, prepare_folder, require_free_folder, require_same_run
from fastfcn.training.weights import begin_with_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunConfig:
    """The root of conf/train.yaml, resolved; nodes are plain dicts."""

    model: dict[str, Any]
    data: dict[str, Any]
    recipe: dict[str, Any]
    augmentation: dict[str, Any]
    loss: dict[str, Any]
    trainer: dict[str, Any]
    logger: dict[str, Any]
    seed: int
    resume: str | None
    init: str | None
    devices: int
    num_nodes: int
    checkpoint_every: int
    pictures: int
    suggested: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    experiment: str | None = None
    row: str | None = None


def read_config(config: DictConfig) -> RunConfig:
    """Resolve the root configuration. Raises ValueError for a value not given or a key or value that does not fit."""
    return typed(RunConfig, plain(config))


def train(config: DictConfig, run_dir: Path) -> None:
    """Train as `config` says and leave config.yaml, checkpoints, metrics and result.json in `run_dir`."""
    started = time.perf_counter()
    quieten_libraries()
    keep_freed_memory()
    settings = read_config(config)
    resumed = find_resume(settings.resume, run_dir)
    if resumed is None:
        require_free_folder(run_dir)
    parts = build_parts(settings, run_dir, resumed)
    protocol = None if settings.protocol is None else build_protocol(settings.protocol, settings.augmentation)
    prepare_folder(config, run_dir, resumed)
    try:
        path = None if resumed is None else resumed.path
        parts.trainer.fit(parts.module, datamodule=parts.loaders, ckpt_path=path, weights_only=True)
    except Preempted:
        raise  # of which the other processes know
    except BaseException:
        stop_other_processes(parts.trainer)
        raise
    finally:
        close_loggers(parts.trainer.loggers)
    score_and_write(parts, protocol, settings, run_dir, started)


def score_and_write(
    parts: "Parts", protocol: Protocol | None, settings: RunConfig, run_dir: Path, started: float
) -> None:
    """Score best.ckpt and write result.json, whose IoU of every class is by `protocol` where there is one."""
    trainer, data = parts.trainer, parts.data
    best = best_checkpoint(trainer)
    trainer.validate(parts.module, datamodule=parts.loaders, ckpt_path=best, weights_only=True, verbose=False)
    scores = parts.module.last_scores
    assert scores is not None
    title = f"{'best.ckpt' if best else 'last weights'} on {data.name} {data.val_split}"
    metrics = {BEST_METRIC: scores.miou, "val/pixacc": scores.pixacc}
    if protocol is not None:
        scores = score_whole_images(
            trainer,
            parts.module.network,
            data,
            protocol,
            run_dir=run_dir,
            pictures=settings.pictures,
            workers=parts.loaders.workers,
        )
        metrics |= whole_image_metrics(scores, data.val_split, protocol)
    if not trainer.is_global_zero:
        return
    print_scores(scores, data.classes, title=f"{title}, {f'protocol {protocol.name}' if protocol else 'centre crops'}")
    write_result(
        run_dir / "result.json",
        metrics=metrics,
        iou=dict(zip(data.classes, scores.iou.tolist(), strict=True)),
        network=parts.module.network,
        device=trainer.strategy.root_device,
        data=data.name,
        seed=settings.seed,
        seconds=time.perf_counter() - started,
        experiment=settings.experiment,
        row=settings.row,
        steps=trainer.global_step,
        protocol=None if protocol is None else protocol.name,
        split=data.val_split,
    )


def stop_other_processes(trainer: L.Trainer) -> None:
    """End the processes that DDP started here: without this one they would wait for it forever."""
    if isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
        trainer.strategy.launcher.kill(signal.SIGKILL)


def best_checkpoint(trainer: L.Trainer) -> str | None:
    """Return this run's best checkpoint, or None if nothing was validated."""
    path = next(each.best_model_path for each in trainer.checkpoint_callbacks if isinstance(each, BestCheckpoint))
    if not path:
        log.warning("nothing was validated while training, so there is no best.ckpt; the last weights are scored")
    return path or None


@dataclass(frozen=True)
class Parts:
    """What a run is made of."""

    data: SegmentationData
    loaders: SegmentationLoaders
    module: SegmentationModule
    trainer: L.Trainer


def build_parts(settings: RunConfig, run_dir: Path, resumed: Checkpoint | None = None) -> Parts:
    """Build data, network and trainer; everything that a user can have got wrong fails here, before training."""
    L.seed_everything(settings.seed, workers=True, verbose=False)
    recipe: Recipe = build(settings.recipe, "recipe")
    data: SegmentationData = build(settings.data, "data")
    for split in (data.train_split, data.val_split):
        log.info("%s %s: %d images, %d classes", data.name, split, len(data.split(split)), len(data.classes))
    for warning in data.warnings():
        log.warning(warning)
    augmentation: Augmentation = build(settings.augmentation, "augmentation")
    network = build_network(settings.model, len(data.classes))
    if resumed is None:
        begin_with_weights(network, settings.init)
    log.info("network: %s, upsampling options %s", describe(network), _options(settings.model["upsampling"]))
    if settings.suggested is not None:
        log.info("data=%s suggested %s; the command line overrides it", data.name, settings.suggested)
    description = Description(
        model=settings.model,
        classes=data.classes,
        palette=data.palette,
        data=settings.data,
        recipe=settings.recipe,
        augmentation=settings.augmentation,
        run={
            "seed": settings.seed,
            "processes": settings.devices * settings.num_nodes,
            "accumulate_grad_batches": settings.trainer["accumulate_grad_batches"],
        },
    )
    if resumed is not None:
        require_same_run(resumed, description)
    module = SegmentationModule(
        network.to(memory_format=torch.channels_last) if recipe.channels_last else network,
        build(settings.loss, "loss"),
        recipe,
        num_classes=len(data.classes),
        seed=settings.seed,
        description=description.to_dict(),
    )
    if recipe.checkpoint_backbone:
        network.backbone.checkpoint_activations()
    if recipe.compile:
        network.compile()
    loaders = SegmentationLoaders(
        data,
        augmentation,
        batch_size=recipe.batch_size,
        workers=recipe.workers,
        seed=settings.seed,
        cache=None if recipe.cache is None else open_cache(recipe.cache, data, settings.data),
    )
    return Parts(data, loaders, module, build_trainer(settings, recipe, run_dir, resumed))


def build_trainer(settings: RunConfig, recipe: Recipe, run_dir: Path, resumed: Checkpoint | None) -> L.Trainer:
    """Build the Lightning trainer. BatchNorm is synchronised across GPUs; torch has no such layer for CPUs."""
    logging_options: Logging = build(settings.logger, "logger")
    on_gpu = settings.trainer["accelerator"] in ("auto", "gpu", "cuda") and CUDAAccelerator.is_available()
    trainer: L.Trainer = build(
        settings.trainer,
        "trainer",
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        max_epochs=recipe.epochs,
        default_root_dir=run_dir,
        logger=logging_options.loggers(
            run_dir, config=settings.__dict__, resume_step=None if resumed is None else resumed.step
        ),
        callbacks=training_callbacks(
            run_dir,
            checkpoint_every=settings.checkpoint_every,
            progress_bar=settings.trainer["enable_progress_bar"],
        ),
        plugins=[AtomicCheckpointIO()],
        sync_batchnorm=on_gpu and (settings.devices != 1 or settings.num_nodes > 1),
        use_distributed_sampler=False,  # the suite's own samplers know their place
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    return trainer


def _options(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if not key.startswith("_")}
