"""What differs between the processes of one training, and what must not."""

import csv
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn.data.shapes import CLASSES, PALETTE, Shapes
from fastfcn.pictures import GAP
from fastfcn.reporting.per_image import NAME as PER_IMAGE
from fastfcn.reporting.per_image import read_per_image
from fastfcn.training import telemetry
from fastfcn.training.module import SegmentationModule
from tests.conftest import TINY_RUN, call_train
from tests.training.test_repeatability import RUN, column, losses
from tests.two_processes import Pair, call_script

SMALLER = ("model=fcn_jpu", "suggested.width=16", "augmentation.crop_size=32", "recipe.workers=0")


def train(run_dir: Path) -> tuple[list[int], list[float]]:
    """Train with a clock that ticks at every look; return the seed of every step, and the rates of the first."""
    seeds: list[int] = []
    rates: list[float] = []
    step, clock = SegmentationModule.training_step, telemetry.time

    def noted(self: SegmentationModule, batch: object, batch_idx: int) -> torch.Tensor:
        seeds.append(torch.initial_seed())
        rates[:] = rates or [group["lr"] for group in self.optimizers().param_groups]
        loss: torch.Tensor = step(self, batch, batch_idx)
        return loss

    SegmentationModule.training_step = noted
    telemetry.time = SimpleNamespace(perf_counter=map(float, itertools.count()).__next__)
    try:
        call_script("train", *TINY_RUN, *SMALLER, "trainer=ddp", "recipe.batch_size=2", f"hydra.run.dir={run_dir}")
    finally:
        SegmentationModule.training_step, telemetry.time = step, clock
    return seeds, rates


@pytest.fixture(scope="module")
def trained_by_two(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    run_dir = tmp_path_factory.mktemp("two")
    return run_dir, pair(train, run_dir)


def test_dropout_differs_between_ranks_epochs_and_batches(trained_by_two: tuple[Path, list]) -> None:
    (first, _), (second, _) = trained_by_two[1]
    assert len(first) == len(second) == 8
    assert len({*first, *second}) == 16


def test_the_rate_is_that_of_the_batch_of_both(trained_by_two: tuple[Path, list]) -> None:
    for _, rates in trained_by_two[1]:
        assert min(rates) == pytest.approx(0.01 * 4 / 16)


def test_images_a_second_are_those_of_both(trained_by_two: tuple[Path, list]) -> None:
    with (trained_by_two[0] / "metrics.csv").open() as file:
        speeds = [float(row["images/s"]) for row in csv.DictReader(file) if row["images/s"]]
    assert speeds == [4.0] * 8  # two a process in every second of that clock


def test_every_picture_has_the_number_of_its_image(pair: Pair, trained: Path, tmp_path: Path) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    pair(call_script, "evaluate", checkpoint, "pictures=5", "workers=0", f"hydra.run.dir={tmp_path}")
    split = Shapes(size=64, val_images=5).split("val")
    for index in range(5):
        truth = np.array(PALETTE, np.uint8)[split[index].mask]
        side = 3 * 64  # enlarged
        shown = np.array(Image.open(tmp_path / "pictures" / f"{index:05d}.png"))[-side:, side + GAP : 2 * side + GAP]
        np.testing.assert_array_equal(shown, truth.repeat(3, 0).repeat(3, 1))


def test_every_image_is_counted_once(pair: Pair, trained: Path, tmp_path: Path, script) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    options = ("pictures=0", "workers=0", "split=test")
    pair(call_script, "evaluate", checkpoint, *options, f"hydra.run.dir={tmp_path}/two")
    script("evaluate", checkpoint, *options, f"hydra.run.dir={tmp_path}/one")
    two, one = (read_per_image(tmp_path / name / PER_IMAGE, len(CLASSES)) for name in ("two", "one"))
    assert two.names == one.names == ("test_00000", "test_00001", "test_00002")
    for name in ("lengths", "target", "prediction", "count"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))


def train_plainly(script: Callable[..., None], *arguments: str) -> None:
    """Train without what differs between processes: dropout, augmentation, statistics of their own batches."""
    plainly = ("recipe.frozen_bn=true", "recipe.epochs=2", "augmentation.flip=0", "recipe.workers=0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Dropout2d, "forward", lambda _, x: x)
        script(*RUN, *plainly, *arguments)


def train_as_one_of_two(run_dir: Path) -> None:
    ddp = ("trainer=ddp", "recipe.batch_size=2", f"hydra.run.dir={run_dir}")
    train_plainly(partial(call_script, "train"), *ddp)


def test_two_processes_give_the_losses_of_one(pair: Pair, tmp_path: Path) -> None:
    """DDP over gloo against one process with the same global batch."""
    one, two = tmp_path / "one", tmp_path / "two"
    pair(train_as_one_of_two, two)
    train_plainly(call_train, "recipe.batch_size=4", f"hydra.run.dir={one}")
    assert len(losses(one)) == len(losses(two)) == 8
    assert losses(two)[:5] == pytest.approx(losses(one)[:5], abs=1e-4)
    for name in ("val/miou", "val/pixacc"):  # every image is scored once by either
        assert column(one, name) == pytest.approx(column(two, name), abs=1e-3)
