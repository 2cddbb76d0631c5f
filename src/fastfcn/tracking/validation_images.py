"""The same validation images every few epochs, with prediction and truth as masks that W&B lays over them."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
import wandb
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from fastfcn.data.augmentation import Augmentation
from fastfcn.data.dataset import IGNORE, Example, LargeExample, Sample, SegmentationData, UInt8
from fastfcn.models.segmenter import Segmenter
from fastfcn.tracking.keys import IMAGES, PREDICTION, STEP, TRUTH
from fastfcn.tracking.logging import run_loggers


class ValidationImages(Callback):
    """Shows W&B the centre crops of `count` images, spread evenly over the validation split, every `every` epochs.

    The first process predicts them by itself, so that they are the same whatever the number of processes.
    """

    def __init__(self, data: SegmentationData, augmentation: Augmentation, *, count: int, every: int) -> None:
        self.data = data
        self.augmentation = augmentation
        self.count = count
        self.every = every
        self._shown: int | None = None  # the last epoch

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Predict and log, if it is time."""
        loggers = run_loggers(trainer.loggers)
        if trainer.is_global_zero and loggers and self.count and self._due(trainer):
            examples = self._examples()
            crops = [self.augmentation.validate(example) for example in examples]
            labels = [self._predict(crop, trainer, pl_module) for crop in crops]
            self._shown = trainer.current_epoch
            pictures = [self.data.visible(crop.image.permute(1, 2, 0).numpy()) for crop in crops]
            names, values = [example.name for example in examples], class_labels(self.data.classes)
            shown = show(names, pictures, [crop.mask for crop in crops], labels, values)
            step = trainer.global_step - 1  # as Lightning counts for the scores of this epoch
            for logger in loggers:
                logger.experiment.log({IMAGES: shown, "epoch": trainer.current_epoch, STEP: step})

    def state_dict(self) -> dict[str, Any]:
        """Remember the last epoch shown."""
        return {"shown": self._shown}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._shown = state_dict["shown"]

    def _predict(self, crop: Sample, trainer: L.Trainer, pl_module: L.LightningModule) -> Tensor:
        """Return the labels (H, W) of one crop; `forward` leaves a compiled network alone."""
        network = pl_module.network
        assert isinstance(network, Segmenter)
        with trainer.precision_plugin.val_step_context():
            images = network.normalise(crop.image[None].to(pl_module.device))
            return network.forward(images).logits[0].argmax(0)

    def _due(self, trainer: L.Trainer) -> bool:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return False
        epoch = trainer.current_epoch
        last = trainer.global_step >= trainer.estimated_stepping_batches
        return last or self._shown is None or epoch - self._shown >= self.every

    def _examples(self) -> list[Example | LargeExample]:
        split = self.data.split(self.data.val_split)
        places = np.linspace(0, len(split) - 1, min(self.count, len(split)))
        return [split.open(int(place)) for place in places]


def class_labels(classes: Sequence[str]) -> dict[int, str]:
    """Name the values of a mask as W&B wants them."""
    return {**dict(enumerate(classes)), IGNORE: "ignored"}


def show(
    names: Sequence[str],
    pictures: Sequence[UInt8],
    truth: Sequence[Tensor],
    labels: Sequence[Tensor],
    values: Mapping[int, str],
) -> list[wandb.Image]:
    """Pair RGB pictures (H, W, 3) with their `truth` and predicted `labels` (H, W)."""
    return [
        wandb.Image(
            picture,
            caption=name,
            file_type="jpg",  # a quarter of the time of a PNG
            masks={
                PREDICTION: {"mask_data": _array(predicted), "class_labels": dict(values)},
                TRUTH: {"mask_data": _array(mask), "class_labels": dict(values)},
            },
        )
        for name, picture, mask, predicted in zip(names, pictures, truth, labels, strict=True)
    ]


def _array(tensor: Tensor) -> UInt8:
    return tensor.to(torch.uint8).cpu().numpy()
