"""One training run, from a composed configuration to its folder of results."""

import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import Checkpoint, build_network
from fastfcn.composition import build
from fastfcn.console import quieten_libraries
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.cache import open_cache
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.labelled import SCORING, TRAINING, require_labelled
from fastfcn.data.loading import SegmentationLoaders
from fastfcn.data.opening import build_data
from fastfcn.data.palette import hexadecimal
from fastfcn.data.sampling import require_whole_batch
from fastfcn.evaluation.final import PICTURES
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.files import require_folders
from fastfcn.machine import require_devices
from fastfcn.models.cost import describe
from fastfcn.models.segmenter import Segmenter
from fastfcn.numerics import set_numerics
from fastfcn.stopping import PREEMPTED
from fastfcn.tracking.identity import identify
from fastfcn.tracking.logging import Logging, close_loggers
from fastfcn.tracking.validation_images import ValidationImages
from fastfcn.training.budget import budgeted_steps
from fastfcn.training.callbacks import recipe_callbacks, training_callbacks
from fastfcn.training.channels import with_channels
from fastfcn.training.class_weights import build_loss
from fastfcn.training.company import ending_together, follow_launcher, watched
from fastfcn.training.conclusion import Parts, conclude
from fastfcn.training.config import RunConfig, read_config, suggestions
from fastfcn.training.lock import alone_in
from fastfcn.training.module import SegmentationModule
from fastfcn.training.parallel import DataParallel
from fastfcn.training.preemption import Preempted
from fastfcn.training.recipe import Recipe
from fastfcn.training.restoring import RestoringIO, restore
from fastfcn.training.resume import (
    describe_run,
    find_resume,
    prepare_folder,
    require_free_folder,
    require_same_run,
)
from fastfcn.training.statistics import require_statistics
from fastfcn.training.synchronisation import SynchronisedBatchNorm, synchronised
from fastfcn.training.weights import begin_with_weights

log = logging.getLogger(__name__)


def train(config: DictConfig, run_dir: Path) -> None:
    """Train as `config` says and leave config.yaml, checkpoints, metrics and result.json in `run_dir`."""
    started = time.perf_counter()
    follow_launcher()
    quieten_libraries()
    keep_freed_memory()
    settings = read_config(config)
    require_devices(settings.trainer["accelerator"], devices=settings.devices, num_nodes=settings.num_nodes)
    set_numerics(settings.numerics)
    with alone_in(run_dir):
        _train(config, settings, run_dir, started)


def _train(config: DictConfig, settings: RunConfig, run_dir: Path, started: float) -> None:
    resumed = find_resume(settings.resume, run_dir)
    if settings.resume is None:
        require_free_folder(run_dir)
    parts = build_parts(settings, run_dir, resumed)
    require_whole_batch(
        len(parts.data.split(parts.data.train_split)),
        batch_size=parts.loaders.batch_size,
        world_size=parts.trainer.world_size,
    )
    if resumed is not None:
        restore(resumed, parts)
    protocol = None if settings.protocol is None else build_protocol(settings.protocol, settings.augmentation)
    if protocol is not None and settings.pictures:
        require_folders(*(run_dir / name for name in PICTURES))
    prepare_folder(config, run_dir, resumed)
    exit_code = 1
    try:
        path = None if resumed is None else resumed.path
        with ending_together(parts.trainer):
            parts.trainer.fit(parts.module, datamodule=parts.loaders, ckpt_path=path, weights_only=True)
            conclude(parts, protocol, settings, run_dir, started)
        exit_code = 0
    except Preempted:
        exit_code = PREEMPTED
        raise
    finally:
        close_loggers(parts.trainer.loggers, exit_code)


def build_parts(settings: RunConfig, run_dir: Path, resumed: Checkpoint | None = None) -> Parts:
    """Build data, network and trainer; everything that a user can have got wrong fails here, before training."""
    L.seed_everything(settings.seed, workers=True, verbose=False)
    recipe: Recipe = build(settings.recipe, "recipe")
    settings = with_channels(settings)
    data = build_data(settings.data)
    for split in (data.train_split, data.val_split):
        log.info("%s %s: %d images, %d classes", data.name, split, len(data.split(split)), len(data.classes))
    for warning in data.warnings():
        log.warning(warning)
    scored = settings.score_split or data.val_split
    for split, needed in {scored: SCORING, data.val_split: SCORING, data.train_split: TRAINING}.items():
        require_labelled(data, split, needed)
    augmentation: Augmentation = build(settings.augmentation, "augmentation")
    augmentation.extra.require(data.channels, data.dtype)
    network = build_network(settings.model, len(data.classes))
    network.statistics.require(data.channels, f"those of data={data.name}")
    network.backbone.padding.require(augmentation.crop_size, augmentation.crop_size)
    if not (recipe.frozen_bn or synchronised(settings)):
        require_statistics(network, batch_size=recipe.batch_size, crop_size=augmentation.crop_size)
    if resumed is None:
        begin_with_weights(network, settings.init)
    log.info("network: %s, upsampling options %s", describe(network), _options(settings.model["upsampling"]))
    if settings.suggested is not None:
        log.info("data=%s suggested %s", data.name, ", ".join(suggestions(settings.suggested, settings.model)))
    loss = build_loss(settings.loss, data, resumed)
    steps = budgeted_steps(settings, network, loss, resumed)
    description = describe_run(settings, data, network, loss, steps)
    if resumed is not None:
        require_same_run(resumed, description)
    module = SegmentationModule(
        network.to(memory_format=torch.channels_last) if recipe.channels_last else network,
        loss,
        recipe,
        num_classes=len(data.classes),
        seed=settings.seed,
        description=description.to_dict(),
    )
    if recipe.checkpoint_backbone:
        network.backbone.checkpoint_activations()
    if recipe.compile:
        network.compile()
    loaders = build_loaders(settings, recipe, data, augmentation)
    logging_options: Logging = build(settings.logger, "logger")
    images = ValidationImages(data, augmentation, count=logging_options.images, every=logging_options.images_every)
    trainer = build_trainer(
        settings,
        run_dir,
        steps=steps,
        loggers=build_loggers(logging_options, settings, network, data, run_dir, resumed),
        callbacks=[images, *recipe_callbacks(recipe, network)],
    )
    return Parts(data, loaders, module, trainer)


def build_loaders(
    settings: RunConfig, recipe: Recipe, data: SegmentationData, augmentation: Augmentation
) -> SegmentationLoaders:
    """Build the loaders of batches."""
    return SegmentationLoaders(
        data,
        augmentation,
        batch_size=recipe.batch_size,
        workers=recipe.workers,
        seed=settings.seed,
        cache=None if recipe.cache is None else open_cache(recipe.cache, data, settings.data),
    )


def build_loggers(
    options: Logging,
    settings: RunConfig,
    network: Segmenter,
    data: SegmentationData,
    run_dir: Path,
    resumed: Checkpoint | None,
) -> list[Logger]:
    """Build the loggers; dashboards see the resolved configuration, the names of the parts and the classes' colours."""
    described = describe(network)
    identity = identify(
        network=described,
        data=data.name,
        seed=settings.seed,
        experiment=settings.experiment,
        row=settings.row,
        folders=former_folders(settings, run_dir, resumed),
    )
    legend = {"classes": list(data.classes), "palette": [hexadecimal(colour) for colour in data.palette]}
    return options.loggers(
        run_dir,
        config={**settings.__dict__, "row": identity.row, "network": described, **legend},
        identity=identity,
        resume_step=None if resumed is None else resumed.step,
    )


def former_folders(settings: RunConfig, run_dir: Path, resumed: Checkpoint | None) -> list[Path]:
    """Return the folders that this training may have run in before; a new one in a used folder is another run."""
    elsewhere = [] if resumed is None else [resumed.path.resolve().parent.parent]
    return [run_dir, *elsewhere] if settings.resume else []


def build_trainer(
    settings: RunConfig, run_dir: Path, *, steps: int | None, loggers: list[Logger], callbacks: list[Callback]
) -> L.Trainer:
    """Build the Lightning trainer. BatchNorm is synchronised across GPUs; torch has no such layer for CPUs."""
    limits = {"max_epochs": settings.recipe["epochs"]} if steps is None else {"max_epochs": -1, "max_steps": steps}
    trainer: L.Trainer = build(
        settings.trainer,
        "trainer",
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        **limits,
        default_root_dir=run_dir,
        logger=loggers,
        callbacks=[
            *training_callbacks(
                run_dir,
                checkpoint_every=settings.checkpoint_every,
                log_every=settings.trainer["log_every_n_steps"],
                progress_bar=settings.trainer["enable_progress_bar"],
            ),
            *callbacks,
        ],
        plugins=[RestoringIO(), *([SynchronisedBatchNorm()] if synchronised(settings) else [])],
        sync_batchnorm=False,  # the plugin above does it
        use_distributed_sampler=False,  # the suite's own samplers know their place
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    if isinstance(trainer.strategy, DataParallel):
        trainer.strategy.require_steps(trainer)
    return watched(trainer)


def _options(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if not key.startswith("_")}
