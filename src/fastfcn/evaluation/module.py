"""The LightningModule that scores a trained network on a split."""

from pathlib import Path
from typing import Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fastfcn.data.augmentation import to_sample
from fastfcn.data.dataset import Sample, SegmentationData, Split, UInt8
from fastfcn.data.loading import EvaluationSamples, worker_options
from fastfcn.data.sampling import EvaluationShare
from fastfcn.evaluation.metrics import Scores, SegmentationScores
from fastfcn.evaluation.per_image import Cells, ImageConfusions
from fastfcn.evaluation.protocols import Protocol
from fastfcn.models.inference import Network
from fastfcn.reporting.pictures import comparison, save_picture


class EvaluationModule(L.LightningModule):
    """Scores whole images, one at a time, at their own size."""

    def __init__(
        self,
        network: Network,
        protocol: Protocol,
        *,
        num_classes: int,
        absent: Literal["skip", "zero"],
        pictures: "Pictures | None" = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.protocol = protocol
        self.accumulated = SegmentationScores(num_classes, absent=absent)
        self.images = ImageConfusions(num_classes)
        self.pictures = pictures
        self.scores: Scores | None = None
        self.per_image: dict[int, Cells] = {}

    def test_step(self, batch: Sample, batch_idx: int) -> None:
        """Compare one image's prediction with its mask."""
        labels = self.protocol.labels(self.network, self.network.normalise(batch.image))
        self._note(batch, labels, batch_idx * self.trainer.world_size + self.global_rank)

    def _note(self, sample: Sample, labels: Tensor, index: int) -> None:
        """Count the pixels of image `index` of the split."""
        self.accumulated.update(labels, sample.mask.long())
        self.images.add(labels, sample.mask, index)
        if self.pictures is not None:
            self.pictures.save(sample, labels, index)

    def on_test_epoch_end(self) -> None:
        """Summarise over all processes."""
        self.scores = self.accumulated.scores()
        self.per_image = self.images.gathered(self.trainer.world_size)


class Pictures:
    """Saves image, truth and prediction side by side for `count` images spread evenly over `split`."""

    def __init__(self, folder: Path, split: Split, data: SegmentationData, *, count: int) -> None:
        self.folder = folder
        self.split = split
        self.palette = data.palette
        self.indices = (
            {int(index) for index in np.linspace(0, len(split) - 1, min(count, len(split)))} if count else set()
        )

    def save(self, batch: Sample, labels: Tensor, index: int) -> None:
        """Save image `index` if it was chosen."""
        if index in self.indices:
            image, truth, prediction = (
                to_array(tensor[0]) for tensor in (batch.image.permute(0, 2, 3, 1), batch.mask, labels)
            )
            save_picture(comparison(image, truth, prediction, self.palette), self.folder / f"{index:05d}.png")


def to_array(tensor: Tensor) -> UInt8:
    """Bring an image or a label map to the CPU as 8-bit values."""
    return tensor.to(torch.uint8).cpu().numpy()


class EvaluationLoader(L.LightningDataModule):
    """Every image of a split exactly once, whatever the number of processes."""

    def __init__(self, data: SegmentationData, split: str, *, workers: int) -> None:
        super().__init__()
        self.split = data.split(split)
        self.workers = workers

    def test_dataloader(self) -> DataLoader[Sample]:
        """Return whole images, one a batch."""
        trainer = self.trainer
        assert trainer is not None
        share = EvaluationShare(len(self.split), rank=trainer.global_rank, world_size=trainer.world_size)
        samples = EvaluationSamples(self.split, to_sample)
        return DataLoader(samples, batch_size=1, sampler=share, **worker_options(self.workers))
