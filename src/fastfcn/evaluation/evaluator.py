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
from fastfcn.data.loading import EvaluationSamples
from fastfcn.data.sampling import EvaluationShare
from fastfcn.data.workers import worker_options
from fastfcn.evaluation.batching import Batch, BySize
from fastfcn.evaluation.confusions import Cells, ImageConfusions
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.regions.counting import Entries, RegionCounts
from fastfcn.metrics import Scores, SegmentationScores
from fastfcn.models.inference import Network
from fastfcn.pictures import comparison, save_picture


class EvaluationModule(L.LightningModule):
    """Scores whole images at their own size."""

    def __init__(
        self,
        network: Network,
        protocol: Protocol,
        *,
        num_classes: int,
        absent: Literal["skip", "zero"],
        pictures: "Pictures | None" = None,
        boundary: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.protocol = protocol
        self.accumulated = SegmentationScores(num_classes, absent=absent)
        self.images = ImageConfusions(num_classes)
        self.regions = RegionCounts(num_classes) if boundary else None
        self.pictures = pictures
        self.scores: Scores | None = None
        self.per_image: dict[int, Cells] = {}
        self.per_region: dict[int, Entries] | None = None
        self._seen = 0  # images of this process

    def on_test_epoch_start(self) -> None:
        """Begin with this process's first image."""
        self._seen = 0

    def test_step(self, batches: list[Batch], batch_idx: int) -> None:
        """Compare the predictions with the masks, image by image."""
        for batch in batches:
            labels = self.protocol.labels(self.network, self.network.normalise(batch.images))
            for place, sample, predicted in batch.each(labels):
                self._note(sample, predicted, (self._seen + place) * self.trainer.world_size + self.global_rank)
        self._seen += sum(len(batch.places) for batch in batches)

    def _note(self, sample: Sample, labels: Tensor, index: int) -> None:
        """Count the pixels of image `index` of the split."""
        self.accumulated.update(labels, sample.mask.long())
        self.images.add(labels, sample.mask, index)
        if self.regions is not None:
            self.regions.add(labels, sample.mask, index)
        if self.pictures is not None:
            self.pictures.save(sample, labels, index)

    def on_test_epoch_end(self) -> None:
        """Summarise over all processes."""
        self.scores = self.accumulated.scores()
        self.per_image = self.images.gathered(self.trainer.world_size)
        if self.regions is not None:
            self.per_region = self.regions.gathered(self.trainer.world_size)


class Pictures:
    """Saves image, truth and prediction side by side for `count` images spread evenly over `split`."""

    def __init__(self, folder: Path, split: Split, data: SegmentationData, *, count: int) -> None:
        self.folder = folder
        self.split = split
        self.palette, self.visible = data.palette, data.visible
        self.indices = (
            {int(index) for index in np.linspace(0, len(split) - 1, min(count, len(split)))} if count else set()
        )

    def save(self, batch: Sample, labels: Tensor, index: int) -> None:
        """Save image `index` if it was chosen."""
        if index in self.indices:
            image = self.visible(batch.image[0].permute(1, 2, 0).cpu().numpy())
            truth, prediction = (to_array(tensor[0]) for tensor in (batch.mask, labels))
            save_picture(comparison(image, truth, prediction, self.palette), self.folder / f"{index:05d}.png")


def to_array(tensor: Tensor) -> UInt8:
    """Bring a label map to the CPU as 8-bit values."""
    return tensor.to(torch.uint8).cpu().numpy()


class EvaluationLoader(L.LightningDataModule):
    """Every image of a split exactly once, whatever the number of processes; see BySize for `pad_to`."""

    def __init__(
        self, data: SegmentationData, split: str, *, workers: int, batch_size: int = 1, pad_to: int | None = None
    ) -> None:
        super().__init__()
        self.split = data.split(split)
        self.workers = workers
        self.batch_size = batch_size
        self.collate = BySize(pad_to)

    def test_dataloader(self) -> DataLoader[Sample]:
        """Return whole images."""
        trainer = self.trainer
        assert trainer is not None
        share = EvaluationShare(len(self.split), rank=trainer.global_rank, world_size=trainer.world_size)
        samples = EvaluationSamples(self.split, to_sample)
        options = worker_options(self.workers)
        return DataLoader(samples, self.batch_size, sampler=share, collate_fn=self.collate, **options)
