"""Batches are a function of seed, epoch and place."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from fastfcn.data.augmentation import Augmentation, to_sample
from fastfcn.data.dataset import IGNORE
from fastfcn.data.loading import EvaluationSamples, SegmentationLoaders, TrainingLoader, TrainingSamples
from fastfcn.data.sampling import PLACEHOLDER, EvaluationShare, Place, TrainingBatches, derive_seed, require_whole_batch
from fastfcn.data.shapes import Shapes
from fastfcn.data.workers import worker_options


def test_ranks_share_the_same_global_batches() -> None:
    whole = list(TrainingBatches(22, batch_size=4, seed=3))
    ranks = [list(TrainingBatches(22, batch_size=2, seed=3, rank=rank, world_size=2)) for rank in (0, 1)]
    assert len(whole) == 5
    for batch, shares in zip(whole, zip(*ranks, strict=True), strict=True):
        assert sorted(draw.index for draw in batch) == sorted(draw.index for share in shares for draw in share)
        assert {draw.seed for draw in batch} == {draw.seed for share in shares for draw in share}


def test_an_epoch_visits_no_image_twice_and_epochs_differ() -> None:
    first, second = (
        [draw for batch in TrainingBatches(20, batch_size=4, seed=0, place=Place(epoch)) for draw in batch]
        for epoch in (0, 1)
    )
    assert sorted(draw.index for draw in first) == list(range(20))
    assert [draw.index for draw in first] != [draw.index for draw in second]
    assert {draw.seed for draw in first}.isdisjoint(draw.seed for draw in second)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_moves_on_with_what_was_taken_and_resumes_there(workers: int) -> None:
    def loader(**place: int) -> TrainingLoader:
        samples = TrainingSamples(
            Shapes(size=32, train_images=20).split("train"),
            Augmentation(crop_size=32, base_size=32, scale=(1.0, 1.0), flip=0.5, blur=0.0),
        )
        batches = TrainingBatches(20, batch_size=4, seed=0, place=Place(**place))
        return TrainingLoader(samples, batch_sampler=batches, **worker_options(workers))

    whole = loader()
    epochs = []
    for epoch in range(2):
        whole.batch_sampler.sampler.set_epoch(epoch)
        epochs.append([batch.image for batch in whole])
    assert len(epochs[0]) == len(epochs[1]) == 5
    assert not any(torch.equal(first, second) for first, second in zip(*epochs, strict=True))
    broken = loader()
    taken = iter(broken)
    for _ in range(3):
        next(taken)
    assert broken.batch_sampler.place == Place(0, 3)
    resumed = loader(epoch=0, batch=3)
    rest = [batch.image for batch in resumed]
    assert len(rest) == 2
    assert all(torch.equal(ours, reference) for ours, reference in zip(rest, epochs[0][3:], strict=True))
    resumed.batch_sampler.sampler.set_epoch(0)
    assert list(resumed) == []
    resumed.batch_sampler.sampler.set_epoch(1)
    assert all(torch.equal(batch.image, reference) for batch, reference in zip(resumed, epochs[1], strict=True))


def test_loaders_that_are_resumed_go_on_in_their_epoch() -> None:
    def loaders() -> SegmentationLoaders:
        augmentation = Augmentation(crop_size=32, base_size=32, scale=(1.0, 1.0), flip=0.5, blur=0.0)
        return SegmentationLoaders(Shapes(size=32, train_images=20), augmentation, batch_size=4, workers=0, seed=0)

    broken, resumed = loaders(), loaders()
    whole = iter(broken.train_dataloader())
    for _ in range(3):
        next(whole)
    resumed.load_state_dict(broken.state_dict())
    rest = list(resumed.train_dataloader())
    assert [torch.equal(ours.image, next(whole).image) for ours in rest] == [True, True]


def test_too_few_images() -> None:
    with pytest.raises(ValueError, match=r"3 images, fewer than one batch of 4; lower recipe.batch_size to 3 or less"):
        TrainingBatches(3, batch_size=4, seed=0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_evaluation_visits_every_image_exactly_once(world_size: int) -> None:
    shares = [list(EvaluationShare(7, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert sorted(index for share in shares for index in share) == list(range(7))


def test_ranks_without_images_have_one_of_which_nothing_counts() -> None:
    shares = [list(EvaluationShare(2, rank=rank, world_size=4)) for rank in range(4)]
    assert shares == [[0], [1], [PLACEHOLDER], [PLACEHOLDER]]
    split = Shapes(size=32, val_images=1).split("val")
    sample = EvaluationSamples(split, to_sample)[PLACEHOLDER]
    assert sample.mask.shape == (32, 32)
    assert sample.mask.eq(IGNORE).all()


def test_more_processes_than_training_images() -> None:
    with pytest.raises(ValueError, match=r"has 4 images, fewer than the 5 processes; train with devices=4 or fewer"):
        require_whole_batch(4, batch_size=1, world_size=5)
    with pytest.raises(ValueError, match=r"fewer than one batch of 6; lower recipe.batch_size to 2 or less"):
        require_whole_batch(4, batch_size=3, world_size=2)


def test_seeds_of_neighbours_are_unrelated() -> None:
    assert len({derive_seed(0, epoch, place) for epoch in range(30) for place in range(300)}) == 9000
    assert derive_seed(1, 2, 3) == derive_seed(1, 2, 3)


class Places(Dataset[int]):
    """Which process reads an example."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        return os.getpid()


def test_workers_outlive_a_signal_that_goes_to_all_processes_of_a_job() -> None:
    examples = iter(DataLoader(Places(), batch_size=None, **worker_options(1)))
    worker = int(next(examples))
    assert worker != os.getpid()
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(worker, number)
    assert {int(place) for place in examples} == {worker}


LEFT = """
from fastfcn.data.workers import worker_options
from torch.utils.data import DataLoader
left = iter(DataLoader([0] * 9, batch_size=None, **worker_options(1)))
next(left)
raise SystemExit(3)
"""


@pytest.mark.slow  # a process that imports PyTorch, and waits five seconds for its worker
def test_a_process_ends_whose_workers_do_not() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    assert subprocess.run([sys.executable, "-c", LEFT], env=environment, timeout=120).returncode == 3
