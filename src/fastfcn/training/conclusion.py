"""How a training ends: best.ckpt is scored, result.json written, and the W&B run told."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L

from fastfcn.benchmarking.fps import frames_per_second
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.loading import SegmentationLoaders
from fastfcn.evaluation.final import score_whole_images, whole_image_metrics
from fastfcn.evaluation.printing import print_scores
from fastfcn.evaluation.protocols import Protocol
from fastfcn.metrics import Scores
from fastfcn.reporting.result import build_result, write_result
from fastfcn.reporting.schema import Result
from fastfcn.tracking.keys import BEST_METRIC, PIXACC, STEP
from fastfcn.tracking.logging import RunLogger, run_loggers
from fastfcn.tracking.results import log_checkpoint, log_scores, log_speed
from fastfcn.training.budget import batches_of, training_gflops
from fastfcn.training.callbacks import BestCheckpoint
from fastfcn.training.config import RunConfig
from fastfcn.training.module import SegmentationModule

log = logging.getLogger(__name__)

CENTRE_CROPS = "centre crops"  # how scores while training are made, beside the named protocols


@dataclass(frozen=True)
class Parts:
    """What a run is made of."""

    data: SegmentationData
    loaders: SegmentationLoaders
    module: SegmentationModule
    trainer: L.Trainer


def conclude(parts: Parts, protocol: Protocol | None, settings: RunConfig, run_dir: Path, started: float) -> None:
    """Score best.ckpt on centre crops, and on whole images by `protocol` where there is one; the last scores count."""
    trainer, data = parts.trainer, parts.data
    best = best_checkpoint(trainer)
    trainer.validate(parts.module, datamodule=parts.loaders, ckpt_path=best, weights_only=True, verbose=False)
    scores = parts.module.last_scores
    assert scores is not None
    metrics = {BEST_METRIC: scores.miou, PIXACC: scores.pixacc}
    split = data.val_split if protocol is None else settings.score_split or data.val_split
    if protocol is not None:
        scores = score_whole_images(
            trainer,
            parts.module.network,
            data,
            split,
            protocol,
            run_dir=run_dir,
            pictures=settings.pictures,
            workers=parts.loaders.workers,
        )
        metrics |= whole_image_metrics(scores, split, protocol)
    if not trainer.is_global_zero:
        return
    title = f"{'best.ckpt' if best else 'last weights'} on {data.name} {split}"
    print_scores(scores, data.classes, title=f"{title}, {f'protocol {protocol.name}' if protocol else CENTRE_CROPS}")
    result = build_result(
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
        split=split,
        training_gflops=round(trainer.global_step * training_gflops(parts.module.network, batches_of(settings)), 1),
        budget_seconds=settings.budget["seconds"],
        **_weighing(parts),
    )
    write_result(run_dir, result)
    for logger in run_loggers(trainer.loggers):
        tell(logger, parts, scores, result, best)


def tell(logger: RunLogger, parts: Parts, scores: Scores, result: Result, best: str | None) -> None:
    """Log to W&B what result.json says, the speed of the network as trained, and best.ckpt where that was asked for."""
    run, network = logger.experiment, parts.module.network
    whole = {name: value for name, value in result.metrics.items() if name not in (BEST_METRIC, PIXACC)}
    # one past the last step: rows of that step, logged before a restart, are not taken for older ones of these
    axes = {"epoch": parts.trainer.current_epoch, STEP: parts.trainer.global_step}
    if whole:
        run.log({**whole, **axes})
    log_scores(run, scores, parts.data.classes, protocol=result.protocol or CENTRE_CROPS, axes=axes)
    with parts.trainer.precision_plugin.val_step_context():
        fps = frames_per_second(network, parts.trainer.strategy.root_device)
    log_speed(run, fps=fps, gflops=result.gflops, parameters=result.parameters)
    if logger.options.checkpoint and best:
        log_checkpoint(run, Path(best), result.metrics)


def _weighing(parts: Parts) -> dict[str, Any]:
    """Name the weights of the classes, where the loss has any."""
    weights = parts.module.loss.class_weights
    return {} if weights is None else {"class_weights": dict(zip(parts.data.classes, weights, strict=True))}


def best_checkpoint(trainer: L.Trainer) -> str | None:
    """Return this run's best checkpoint, or None if nothing was validated."""
    path = next(each.best_model_path for each in trainer.checkpoint_callbacks if isinstance(each, BestCheckpoint))
    if not path:
        log.warning("nothing was validated while training, so there is no best.ckpt; the last weights are scored")
    return path or None
