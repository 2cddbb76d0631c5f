"""The LightningModule: network, loss, metrics and optimiser, joined."""

import logging
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric

from fastfcn.data.dataset import Sample
from fastfcn.data.sampling import derive_seed
from fastfcn.metrics import Scores, SegmentationScores
from fastfcn.models.features import Prediction
from fastfcn.models.segmenter import Segmenter
from fastfcn.tracking.keys import BEST_METRIC, PIXACC, TRAIN_LOSS, VAL_LOSS
from fastfcn.training.finiteness import SKIPPED, LossWatch, require_finite_weights
from fastfcn.training.losses import Losses, SegmentationLoss
from fastfcn.training.optimisers import recipe_optimiser
from fastfcn.training.recipe import REFERENCE_BATCH, Recipe
from fastfcn.training.schedules import build_schedule

log = logging.getLogger(__name__)


class SegmentationModule(L.LightningModule):
    """Trains `network`. `description` is the plain dict that lets a checkpoint rebuild the network by itself."""

    def __init__(
        self,
        network: Segmenter,
        loss: SegmentationLoss,
        recipe: Recipe,
        *,
        num_classes: int,
        seed: int,
        description: dict[str, Any],
    ) -> None:
        super().__init__()
        self.save_hyperparameters(description, logger=False)
        self.network = network
        self.loss = loss
        self.recipe = recipe
        self.seed = seed
        self.scores = SegmentationScores(num_classes)
        self.val_loss = MeanMetric()
        self.last_scores: Scores | None = None
        self.watch = LossWatch()

    def forward(self, images: Tensor, *, upsample: bool = True) -> Prediction:
        """Segment images (B, C, H, W), uint8 or floats in 0..1."""
        images = self.network.normalise(images)
        if self.recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        prediction: Prediction = self.network(images, upsample=upsample)
        return prediction

    def on_train_start(self) -> None:
        """Freeze BatchNorm's statistics where the recipe says so; Lightning restores these modes after validation."""
        if self.recipe.frozen_bn:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def on_train_batch_start(self, batch: Sample, batch_idx: int) -> None:
        """Tie dropout to (seed, epoch, batch, rank), so that a resumed run draws what an unbroken one would."""
        torch.manual_seed(derive_seed(self.seed, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Sample, batch_idx: int) -> Tensor:
        """Return the total loss of a batch."""
        prediction = self(batch.image, upsample=False)
        losses = self.loss(prediction, batch.mask, align_corners=self.network.align_corners)
        self.watch.note(self.global_step, self.current_epoch, losses.total)
        if batch_idx == 0 or self.trainer.is_last_batch or self.trainer._logger_connector.should_update_logs:
            self._report(losses, len(batch.image))
        total: Tensor = losses.total
        return total

    def on_validation_start(self) -> None:
        """Validate no network that a loss has spoiled."""
        self._require_finite_losses()

    def validation_step(self, batch: Sample, batch_idx: int) -> None:
        """Accumulate the scores of centre crops."""
        prediction = self(batch.image)
        losses = self.loss(prediction, batch.mask)
        # not by Lightning's sync_dist, which rounds the mean number of images a process down to an integer
        self.val_loss.update(losses.total, weight=0 if self._has_no_images() else len(batch.image))
        self.log(VAL_LOSS, self.val_loss, batch_size=len(batch.image), logger=self._fitting)
        self.scores.update(prediction.logits.argmax(1), batch.mask)

    def on_validation_epoch_end(self) -> None:
        """Log mIoU and pixAcc of the split."""
        scores = self.last_scores = self.scores.scores()
        self.scores.reset()
        self.log(BEST_METRIC, scores.miou, prog_bar=True, logger=self._fitting)
        self.log(PIXACC, scores.pixacc, logger=self._fitting)
        if scores.absent and not self.trainer.sanity_checking:
            log.info("%d classes occur neither in prediction nor in truth and are left out of mIoU", scores.absent)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to write what is not finite, or comes after such a loss, over the last good checkpoint."""
        self._require_finite_losses()
        require_finite_weights(self.network, self.global_step)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimiser, and its schedule over all optimiser steps of the run."""
        trainer = self.trainer
        batch = self.recipe.batch_size * trainer.world_size * trainer.accumulate_grad_batches
        lr = self.recipe.effective_lr(batch)
        steps = int(trainer.estimated_stepping_batches)
        log.info(
            "effective batch %d = %d a process x %d processes x %d accumulated, lr %g = recipe.lr x %d/%d (backbone) "
            "and %g (rest), %d steps",
            batch,
            self.recipe.batch_size,
            trainer.world_size,
            trainer.accumulate_grad_batches,
            lr,
            batch,
            REFERENCE_BATCH,
            lr * self.recipe.head_lr_factor,
            steps,
        )
        optimiser = recipe_optimiser(self.recipe, self.network, lr)
        schedule = build_schedule(optimiser, steps, shape=self.recipe.schedule, warmup=self.recipe.warmup)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def _fitting(self) -> bool:
        """False in the check of best.ckpt after training, which is no point of the learning curve."""
        return self.trainer.state.fn == TrainerFn.FITTING

    def _has_no_images(self) -> bool:
        """Tell whether this process validates a placeholder alone (see EvaluationShare)."""
        loader = self.trainer.val_dataloaders
        assert isinstance(loader, DataLoader)
        return self.global_rank >= len(loader.dataset)  # type: ignore[arg-type]  # torch's type has no length

    def _report(self, losses: Losses, images: int) -> None:
        """Log the means over processes. No step waits for its device, or for the other processes, but for this."""
        self._require_finite_losses()
        named = {"": losses.total, **{f"_{name}": part for name, part in losses.named().items()}}
        for name, mean in zip(named, self._mean(torch.stack(list(named.values()))).cpu(), strict=True):
            self.log(f"{TRAIN_LOSS}{name}", mean, prog_bar=not name, batch_size=images)

    def _require_finite_losses(self) -> None:
        plugin = self.trainer.precision_plugin
        scaled = isinstance(plugin, MixedPrecision) and plugin.scaler is not None  # which skips such a step
        self.watch.look(self._mean, tolerated=SKIPPED if scaled else 0)

    def _mean(self, values: Tensor) -> Tensor:
        mean: Tensor = self.trainer.strategy.reduce(values.detach(), reduce_op="mean")
        return mean
