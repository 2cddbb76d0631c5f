"""What happens around training: checkpoints and progress."""

import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.trainer.states import TrainerFn

from fastfcn.models.segmenter import Segmenter
from fastfcn.tracking.keys import BEST_METRIC, TRAIN_LOSS
from fastfcn.training.averaging import ExponentialAverage
from fastfcn.training.freezing import Freezing
from fastfcn.training.preemption import StepCheckpoint, is_last_step
from fastfcn.training.recipe import Recipe
from fastfcn.training.telemetry import GradientNorm, PeakMemory, Throughput

log = logging.getLogger(__name__)


def training_callbacks(run_dir: Path, *, checkpoint_every: int, log_every: int, progress_bar: bool) -> list[Callback]:
    """Return the callbacks of a training run that writes into `run_dir`."""
    folder = run_dir / "checkpoints"
    return [
        BestCheckpoint(folder, "best", monitor=BEST_METRIC, mode="max", enable_version_counter=False),
        StepCheckpoint(folder, every=checkpoint_every),
        ModelCheckpoint(folder, "last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False),
        LastValidation(),
        Throughput(every=log_every),
        GradientNorm(every=log_every),
        PeakMemory(),
        EpochLog(),
        LearningRateMonitor("step"),
        *([ProgressBar()] if progress_bar else []),
    ]


def recipe_callbacks(recipe: Recipe, network: Segmenter) -> list[Callback]:
    """Return the callbacks that a recipe asks for; the mean of the weights stays last, so that others see it."""
    callbacks: list[Callback] = []
    if recipe.frozen_stages:
        callbacks.append(Freezing(network.backbone, stages=recipe.frozen_stages, epochs=recipe.frozen_epochs))
    if recipe.patience is not None:
        callbacks.append(Patience(recipe.patience))
    if recipe.ema is not None:
        callbacks.append(ExponentialAverage(recipe.ema))
    return callbacks


class Patience(EarlyStopping):
    """Ends training after so many validations without a better mIoU."""

    def __init__(self, patience: int) -> None:
        super().__init__(BEST_METRIC, mode="max", patience=patience, verbose=False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End at once where a resumed run had ended already, and only its conclusion is left."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best so far, also in a run's folder that was moved or copied since."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best score where its checkpoint is in this run's folder; no path comes from a checkpoint."""
        path, score = self.format_checkpoint_name({}), state_dict["best_model_score"]
        if score is not None and Path(path).is_file():
            self.best_model_path = self.kth_best_model_path = path
            self.best_model_score = self.kth_value = self.current_score = score
            self.best_k_models = {path: score}


class LastValidation(Callback):
    """Validates what training ends with: within an epoch too, or where check_val_every_n_epoch passes over the last."""

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """After the last step, have Lightning validate, and stop where the epoch is not over."""
        if is_last_step(trainer):
            trainer.check_val_every_n_epoch = 1
            trainer.should_stop = not trainer.is_last_batch


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
            metrics.get(TRAIN_LOSS, float("nan")),
            BEST_METRIC,
            metrics.get(BEST_METRIC, float("nan")),
            metrics.get("images/s", float("nan")),
            self._left,
        )
