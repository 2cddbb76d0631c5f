"""What happens around training: checkpoints, progress, throughput."""

import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.trainer.states import TrainerFn

from fastfcn.data.dataset import Sample
from fastfcn.evaluation.metrics import BEST_METRIC

log = logging.getLogger(__name__)


def training_callbacks(run_dir: Path, *, checkpoint_every: int, progress_bar: bool) -> list[Callback]:
    """Return the callbacks of a training run that writes into `run_dir`."""
    folder = run_dir / "checkpoints"
    save = partial(ModelCheckpoint, folder, enable_version_counter=False)
    return [
        save("best", monitor=BEST_METRIC, mode="max"),
        save("last", every_n_train_steps=checkpoint_every),
        save("last", every_n_epochs=1, save_on_train_epoch_end=True),
        Throughput(),
        EpochLog(),
        LearningRateMonitor("step"),
        *([ProgressBar()] if progress_bar else []),
    ]


class Throughput(Callback):
    """Logs `images/s` of training, over all processes, since the last report."""

    def __init__(self) -> None:
        self._images = 0
        self._since = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave validation out."""
        self._images, self._since = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Sample, batch_idx: int
    ) -> None:
        """Count the batch and report."""
        self._images += len(batch.image) * trainer.world_size
        speed = self._images / (time.perf_counter() - self._since)
        pl_module.log("images/s", speed, prog_bar=True, on_step=True, on_epoch=False)


class TimeLeft:
    """The time until the end of training, from the pace so far."""

    def __init__(self, trainer: L.Trainer) -> None:
        self._trainer = trainer
        self._start, self._first = time.perf_counter(), trainer.global_step

    def __str__(self) -> str:
        """Format as m:ss."""
        done = self._trainer.global_step - self._first
        if not done:
            return "-:--"
        pace = (time.perf_counter() - self._start) / done
        minutes, seconds = divmod(
            int(pace * (self._trainer.estimated_stepping_batches - self._trainer.global_step)), 60
        )
        return f"{minutes}:{seconds:02d}"


class ProgressBar(RichProgressBar):
    """Lightning's bar with the time left of the whole run, and without the logger's run id."""

    _left: TimeLeft

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the time."""
        super().on_train_start(trainer, pl_module)
        self._left = TimeLeft(trainer)

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Return what stands behind the bar."""
        metrics = dict(super().get_metrics(trainer, pl_module))
        metrics.pop("v_num", None)
        return {**metrics, "left": str(self._left)} if trainer.training else metrics


class EpochLog(Callback):
    """One line an epoch, for logs where a progress bar cannot be drawn."""

    _left: TimeLeft

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the time."""
        self._left = TimeLeft(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report loss, scores and the time left."""
        metrics = trainer.callback_metrics
        if trainer.state.fn != TrainerFn.FITTING:
            return
        log.info(
            "epoch %d step %d loss %.3f %s %.4f images/s %.1f left %s",
            trainer.current_epoch + 1,
            trainer.global_step,
            metrics.get("train/loss", float("nan")),
            BEST_METRIC,
            metrics.get(BEST_METRIC, float("nan")),
            metrics.get("images/s", float("nan")),
            self._left,
        )
