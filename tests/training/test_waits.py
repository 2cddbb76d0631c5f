"""What the CPU waits for in a training on a GPU, counted by a stand-in through Lightning's own loop."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import SingleDeviceStrategy

from fastfcn.training import train
from fastfcn.training.config import read_config
from tests.conftest import TINY_RUN
from tests.stand_in import DEVICE, StandIn


class Accelerator(CPUAccelerator):
    """Takes the stand-in for its device."""

    def setup_device(self, device: torch.device) -> None:
        assert device == DEVICE


class StepWaits(Callback):
    """Notes what each step waited for, from one batch's arrival to the next's."""

    def __init__(self, device: StandIn) -> None:
        self.device, self.before = device, Counter(device.waits)
        self.steps: list[Counter[str]] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self._note()
        self.steps.append(Counter())

    def on_train_epoch_end(self, *_: Any) -> None:
        self._note()

    def _note(self) -> None:
        if self.steps:
            self.steps[-1] = self.device.waits - self.before
        self.before = Counter(self.device.waits)


def fit(composed: Any, run_dir: Path, *overrides: str) -> list[int]:
    """Train an epoch of four steps, a line at every third; return how often each step waited."""
    shorter = ("suggested.width=16", "augmentation.crop_size=32", "data.train_images=8", "recipe.batch_size=2")
    steps = ("recipe.epochs=1", "recipe.workers=0", "trainer.log_every_n_steps=3", "trainer.enable_progress_bar=true")
    settings = read_config(composed(*TINY_RUN, "model=encnet_jpu", *shorter, *steps, *overrides))
    build = train.build

    def on_stand_in(node: Any, path: str, **arguments: Any) -> Any:
        if path == "trainer":
            arguments |= {"strategy": SingleDeviceStrategy(DEVICE, Accelerator()), "limit_val_batches": 0}
        return build(node, path, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "build", on_stand_in)
        parts = train.build_parts(settings, run_dir)
    with StandIn() as gpu:
        waits = StepWaits(gpu)
        parts.trainer.callbacks.insert(0, waits)
        parts.trainer.fit(parts.module, datamodule=parts.loaders)
    return [step.total() for step in waits.steps]


def test_a_step_waits_for_nothing_but_the_line_it_writes(composed, tmp_path: Path) -> None:
    first, second, third, last = fit(composed, tmp_path)
    assert second == 0
    assert last == 2  # for the progress bar: are the losses finite, and what are they
    assert first == 2 + 2  # mean and deviation of the colours, once
    assert 2 < third <= 9  # and the rates and the norm of the gradient


def test_nor_does_the_mean_of_the_weights_wait(composed, tmp_path: Path) -> None:
    assert fit(composed, tmp_path, "recipe.ema=0.9", "model=fcn_jpu")[1] == 0
