"""From a dataset to batches on the device."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import lightning as L
import torch
from torch.utils.data import DataLoader, Dataset

from fastfcn.data.augmentation import Augmentation
from fastfcn.data.cache import CachedSplit
from fastfcn.data.dataset import IGNORE, Example, LargeExample, Sample, SegmentationData, Split
from fastfcn.data.sampling import PLACEHOLDER, Draw, EvaluationShare, Place, TrainingBatches
from fastfcn.data.workers import worker_options


class TrainingSamples(Dataset[Sample]):
    """Augmented examples, by Draw."""

    def __init__(self, split: Split, augmentation: Augmentation) -> None:
        self.split = split
        self.augmentation = augmentation

    def __getitem__(self, draw: Draw) -> Sample:
        """Read and augment one example."""
        return self.augmentation.train(self.split.open(draw.index, reduced=self.augmentation.reduced), draw.seed)


class EvaluationSamples(Dataset[Sample]):
    """Examples by index, each through `transform`; a PLACEHOLDER is the first one with all pixels ignored."""

    def __init__(self, split: Split, transform: Callable[[Example | LargeExample], Sample]) -> None:
        self.split = split
        self.transform = transform

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.split)

    def __getitem__(self, index: int) -> Sample:
        """Read one example."""
        if index != PLACEHOLDER:
            return self.transform(self.split.open(index))
        sample = self.transform(self.split.open(0))
        return Sample(sample.image, torch.full_like(sample.mask, IGNORE))


class TrainingLoader(DataLoader[Sample]):
    """A loader of TrainingBatches that moves their place on with every batch the trainer takes.

    Workers fetch ahead; what they have fetched and the trainer has not taken does not count. `waited` is the time in
    seconds that the trainer has waited for batches.
    """

    batch_sampler: TrainingBatches
    waited: float = 0.0

    def __iter__(self) -> Iterator[Sample]:  # type: ignore[override]  # as a generator it starts with the first batch
        """Yield the rest of the epoch."""
        asked = time.perf_counter()
        for batch in super().__iter__():
            self.waited += time.perf_counter() - asked
            self.batch_sampler.place.batch += 1
            yield batch
            asked = time.perf_counter()


class SegmentationLoaders(L.LightningDataModule):
    """Training and validation batches of `data`. `batch_size` is per process; every image is validated exactly once.

    `cache` is the folder in which decoded examples are kept from one epoch to the next.
    """

    def __init__(
        self,
        data: SegmentationData,
        augmentation: Augmentation,
        *,
        batch_size: int,
        workers: int,
        seed: int,
        cache: Path | None = None,
    ) -> None:
        super().__init__()
        self.data = data
        self.augmentation = augmentation
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.cache = cache
        self.place = Place()

    def state_dict(self) -> dict[str, int]:
        """Return the place of the next training batch, for Lightning's checkpoints."""
        return asdict(self.place)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Have training begin at the place of `state`."""
        self.place = Place(**state)

    def train_dataloader(self) -> TrainingLoader:
        """Return the augmented training split."""
        split = self._split(self.data.train_split)
        batches = TrainingBatches(
            len(split), batch_size=self.batch_size, seed=self.seed, place=self.place, **self._share()
        )
        samples = TrainingSamples(split, self.augmentation)
        return TrainingLoader(samples, batch_sampler=batches, **worker_options(self.workers))

    def val_dataloader(self) -> DataLoader[Sample]:
        """Return the centre crops of the validation split."""
        samples = EvaluationSamples(self._split(self.data.val_split), self.augmentation.validate)
        share = EvaluationShare(len(samples), **self._share())
        return DataLoader(samples, batch_size=self.batch_size, sampler=share, **worker_options(self.workers))

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Widen the masks on the device, where that costs nothing."""
        return Sample(batch.image, batch.mask.long())

    def _split(self, name: str) -> Split:
        split = self.data.split(name)
        return split if self.cache is None else CachedSplit(split, self.cache)

    def _share(self) -> dict[str, int]:
        trainer = self.trainer
        return {"rank": trainer.global_rank, "world_size": trainer.world_size} if trainer is not None else {}
