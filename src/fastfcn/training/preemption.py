"""Save between two steps; stop there when Slurm asks before a preemption, or a sweep that ends; resume= goes on."""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from fastfcn.stopping import PREEMPTED, STOP_SIGNALS
from fastfcn.training.checkpoint_io import HELD, AtomicCheckpointIO

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


class StepCheckpoint(Checkpoint):
    """Writes last.ckpt between two steps: every `every`-th, and on SIGTERM, SIGUSR1 or SIGUSR2, raising Preempted then.

    The file is written once Lightning has logged the step: resumed from one that was there before, a run that was
    killed in between would lack the step's rows. With several processes a signal to any of them stops all. Within the
    last step of an epoch and validation, where a run cannot resume exactly, it waits for the checkpoint that follows
    them. Lightning's own handlers are replaced: its SIGTERM ends a training without saving, and communicates from
    within the handler.
    """

    def __init__(self, folder: Path, *, every: int) -> None:
        self._path = folder / "last.ckpt"
        self._every = every
        self._received: str | None = None
        self._stopping = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the signals over; Lightning puts the former handlers back when it is done."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Take the state between two steps, after all other callbacks."""
        if not between_steps(trainer):
            return
        asking = trainer.world_size == 1 or trainer.global_step % AGREE_EVERY == 0
        self._stopping = asking and self._agreed(trainer)
        if self._stopping or trainer.global_step % self._every == 0:
            trainer.save_checkpoint(self._path, storage_options=HELD)

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Write what was taken, now that it is logged, and stop if that was asked for."""
        self._write(trainer)
        if self._stopping:
            self._stop(trainer)

    def on_exception(self, trainer: L.Trainer, *args: Any) -> None:
        """Write it where there is no next batch: one cannot be read, or the user has enough."""
        self._write(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop between two epochs, the first of which has left its checkpoint."""
        if trainer.current_epoch > 0 and self._agreed(trainer):
            self._stop(trainer)

    def _write(self, trainer: L.Trainer) -> None:
        storage = trainer.strategy.checkpoint_io
        assert isinstance(storage, AtomicCheckpointIO)
        storage.write_held()

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
