"""Stop when asked to, by Slurm before a preemption or by a sweep that ends: save, exit, go on later with resume=."""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from fastfcn.stopping import PREEMPTED, STOP_SIGNALS

log = logging.getLogger(__name__)

AGREE_EVERY = 10  # steps between two times that several processes ask each other; each costs them a synchronisation


class Preempted(SystemExit):
    """Training ended early, with a checkpoint to go on from; the exit code says so."""


def is_last_step(trainer: L.Trainer) -> bool:
    """Tell whether the optimiser has taken all steps of the run."""
    return trainer.global_step >= trainer.estimated_stepping_batches


def between_steps(trainer: L.Trainer) -> bool:
    """Tell whether a run that is saved now can resume exactly: not before a validation, which would be passed over."""
    accumulating = trainer.fit_loop.epoch_loop._should_accumulate()
    return not (accumulating or trainer.is_last_batch or is_last_step(trainer))


class Preemption(Callback):
    """On SIGTERM, SIGUSR1 or SIGUSR2 writes last.ckpt at the end of the step and raises Preempted.

    With several processes a signal to any of them stops all. Within the last step of an epoch and validation, where a
    run cannot resume exactly, it waits for the checkpoint that follows them. Lightning's own handlers are replaced:
    its SIGTERM ends a training without saving, and communicates from within the handler.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "last.ckpt"
        self._received: str | None = None
        self._saved = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the signals over; Lightning puts the former handlers back when it is done."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Save between two steps."""
        asking = trainer.world_size == 1 or trainer.global_step % AGREE_EVERY == 0
        if between_steps(trainer) and asking and self._agreed(trainer):
            trainer.save_checkpoint(self._path)
            self._saved = True

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Stop once the step that was saved is logged, too."""
        if self._saved:
            self._stop(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop between two epochs, the first of which has left its checkpoint."""
        if trainer.current_epoch > 0 and self._agreed(trainer):
            self._stop(trainer)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._received = signal.Signals(number).name

    def _agreed(self, trainer: L.Trainer) -> bool:
        return trainer.strategy.reduce_boolean_decision(self._received is not None, all=False)

    def _stop(self, trainer: L.Trainer) -> None:
        log.warning(
            "%s: stopped after step %d, saved %s; resume=last goes on",
            self._received or "a signal to another process",
            trainer.global_step,
            self._path,
        )
        # another process's failure would make Lightning kill the first before that has closed its files
        raise Preempted(PREEMPTED if trainer.is_global_zero else 0)
