"""What a training step costs and does: images a second, waiting for data, memory, the norm of the gradient."""

import resource
import sys
import time
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from fastfcn.data.dataset import Sample
from fastfcn.data.loading import TrainingLoader

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss, see getrusage(2)


class Throughput(Callback):
    """Logs `images/s` of training over all processes and `data_wait`, the share of the time spent waiting for batches.

    Both are means since the epoch or the resumed run began. `data_wait` is the first process's, logged at every
    `every`-th step.
    """

    def __init__(self, *, every: int) -> None:
        self.every = every
        self._images, self._since, self._waited = 0, 0.0, 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count, in the midst of an epoch if the run is resumed there."""
        self._images, self._since, self._waited = 0, time.perf_counter(), _loader(trainer).waited

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave validation out."""
        self.on_train_start(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Sample, batch_idx: int
    ) -> None:
        """Count the batch and report."""
        self._images += len(batch.image) * trainer.world_size
        passed = time.perf_counter() - self._since
        speed = torch.tensor(self._images / passed)  # a plain number would be copied to the device, which waits for it
        pl_module.log("images/s", speed, prog_bar=True, on_step=True, on_epoch=False)
        if self.every and trainer.global_step % self.every == 0:  # each line costs a tenth of a millisecond
            pl_module.log("data_wait", (_loader(trainer).waited - self._waited) / passed, on_step=True, on_epoch=False)


class GradientNorm(Callback):
    """Logs `grad_norm`, the 2-norm over all parameters before clipping, at every `every`-th step."""

    def __init__(self, *, every: int) -> None:
        self.every = every

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Compute it only where it is logged: it reads every gradient."""
        if self.every and (trainer.global_step + 1) % self.every == 0:
            gradients = [each.grad for each in pl_module.parameters() if each.grad is not None]
            pl_module.log("grad_norm", get_total_norm(gradients), on_step=True, on_epoch=False)


class PeakMemory(Callback):
    """Logs `peak_memory_gb` a validation, in 1e9 bytes: of PyTorch on the first GPU, of the first process on a CPU.

    With the scores, so that it stands in metrics.csv before the checkpoint of the epoch is written.
    """

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read the most that was held since the process began."""
        device = pl_module.device
        if device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(device)
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
        pl_module.log("peak_memory_gb", peak / 1e9, logger=trainer.state.fn == TrainerFn.FITTING)


def _loader(trainer: L.Trainer) -> TrainingLoader:
    loader = trainer.train_dataloader
    assert isinstance(loader, TrainingLoader)
    return loader
