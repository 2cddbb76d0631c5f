"""A running mean of the weights, which is validated and kept instead of the weights themselves."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

WEIGHTS, MEAN_OF = "current_model_state", "averaging_state"  # of a checkpoint, beside the mean as its state dict
YOUNG = 10  # the mean of the first steps is short, so that a short training does not average its random beginning


class ExponentialAverage(WeightAveraging):
    """Averages weights and BatchNorm statistics after every optimiser step, with `decay` for the mean so far.

    After n steps it is at most (1 + n) / (10 + n).
    """

    def __init__(self, decay: float) -> None:
        def averaged(mean: Tensor, value: Tensor, steps: Tensor | int) -> Tensor:
            if not mean.is_floating_point():  # BatchNorm's count of batches
                return value
            kept = min(decay, (1 + float(steps)) / (YOUNG + float(steps)))
            return mean.lerp(value, 1 - kept)

        super().__init__(avg_fn=averaged)

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the mean of a resumed run; best.ckpt is read for scoring too, when there is none."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Forget the mean once training is over: what is scored then is what best.ckpt holds."""
        self._average_model = None
