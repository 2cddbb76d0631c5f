"""A running mean of the weights, which is validated and kept instead of the weights themselves."""

from itertools import chain
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

WEIGHTS, MEAN_OF = "current_model_state", "averaging_state"  # of a checkpoint, beside the mean as its state dict
YOUNG = 10  # the mean of the first steps is short, so that a short training does not average its random beginning


class ExponentialAverage(WeightAveraging):
    """Averages weights and BatchNorm statistics after every optimiser step, with `decay` for the mean so far.

    After n steps it is at most (1 + n) / (10 + n). The mean stays on the network's device and its count of steps on the
    CPU, so that no step waits for either.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Begin the mean."""
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.n_averaged = self._average_model.n_averaged.cpu()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        """Take the optimiser's step, if there was one, into the mean."""
        if trainer.global_step > self._latest_update_step:
            assert self._average_model is not None
            steps = self._average_model.n_averaged
            self._average(self._average_model.module, pl_module, int(steps))
            steps += 1
            self._latest_update_step = trainer.global_step

    @torch.no_grad()
    def _average(self, mean: nn.Module, network: nn.Module, steps: int) -> None:
        kept = min(self.decay, (1 + steps) / (YOUNG + steps))
        for averaged, value in zip(_tensors(mean), _tensors(network), strict=True):
            if steps and averaged.is_floating_point():
                averaged.lerp_(value, 1 - kept)
            else:  # the beginning, and BatchNorm's count of batches
                averaged.copy_(value)

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the mean of a resumed run; best.ckpt is read for scoring too, when there is none."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Forget the mean once training is over: what is scored then is what best.ckpt holds."""
        self._average_model = None


def _tensors(module: nn.Module) -> chain[Tensor]:
    return chain(module.parameters(), module.buffers())
