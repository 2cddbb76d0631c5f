"""Optimiser and schedule of a whole training, through the trainer that runs it."""

from collections.abc import Callable
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fastfcn.checkpoints import read_checkpoint
from fastfcn.training.conclusion import Parts
from fastfcn.training.module import SegmentationModule
from fastfcn.training.restoring import restore
from fastfcn.training.train import build_parts, read_config
from tests.conftest import TINY_RUN

LR, FACTOR, DECAY = 0.16, 10, 0.5
RECIPE = (f"recipe.lr={LR}", f"recipe.head_lr_factor={FACTOR}", f"recipe.weight_decay={DECAY}", "recipe.workers=0")


class Rates(Callback):
    """Notes the rate of every group at every step, and can break a training off."""

    def __init__(self, until: int | None = None) -> None:
        self.until = until
        self.seen: list[dict[str, float]] = []

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if len(self.seen) == self.until:
            raise InterruptedError
        self.seen.append({group["name"]: group["lr"] for group in optimizer.param_groups})


@pytest.fixture
def parts(composed: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Parts]:
    """Build a training whose loss is the sum of all parameters, which costs nothing and has a gradient of one."""

    def summed(self: SegmentationModule, batch: object, batch_idx: int) -> Tensor:
        return torch.stack([each.sum() for each in self.network.parameters() if each.requires_grad]).sum()

    monkeypatch.setattr(SegmentationModule, "training_step", summed)

    def build(*options: str, rates: Rates) -> Parts:
        config = composed("model=encnet_jpu", *TINY_RUN, *RECIPE, "trainer.check_val_every_n_epoch=100", *options)
        built = build_parts(read_config(config), tmp_path)
        built.trainer.callbacks.append(rates)
        return built

    return build


def fit(parts: Parts, resume: Path | None = None) -> None:
    if resume is not None:
        restore(read_checkpoint(resume), parts)
    parts.trainer.fit(parts.module, datamodule=parts.loaders, ckpt_path=resume, weights_only=True)


@pytest.mark.parametrize(
    ("options", "batch", "steps"),
    [
        (("recipe.epochs=3",), 4, 12),
        (("recipe.epochs=3", "trainer.accumulate_grad_batches=2"), 8, 6),
        (("recipe.epochs=2", "trainer.accumulate_grad_batches=3"), 12, 4),  # of which every second is of one batch
        (("recipe.epochs=2", "+trainer.limit_train_batches=3"), 4, 6),
    ],
)
def test_rates_fall_over_all_steps_of_the_run(options: tuple[str, ...], batch: int, steps: int, parts) -> None:
    rates = Rates()
    fit(parts(*options, rates=rates))
    expected = [LR * batch / 16 * (1 - step / steps) ** 0.9 for step in range(steps)]
    assert [each["backbone"] for each in rates.seen] == pytest.approx(expected)
    for name in ("upsampling", "head", "auxiliary"):
        assert [each[name] for each in rates.seen] == pytest.approx([FACTOR * rate for rate in expected])


def test_a_resumed_run_goes_on_with_the_rate_of_its_step(parts, tmp_path: Path) -> None:
    broken, rest = Rates(until=7), Rates()
    options = ("recipe.epochs=3", "checkpoint_every=2")
    with pytest.raises(InterruptedError):
        fit(parts(*options, rates=broken))
    fit(parts(*options, rates=rest), tmp_path / "checkpoints" / "last.ckpt")
    expected = [LR / 4 * (1 - step / 12) ** 0.9 for step in range(12)]
    assert [each["backbone"] for each in (*broken.seen[:6], *rest.seen)] == pytest.approx(expected)


def test_a_step_moves_every_parameter_at_the_rate_of_its_part(parts) -> None:
    built = parts("recipe.epochs=1", "+trainer.limit_train_batches=1", rates=Rates())
    network = built.module.network
    before = {name: each.detach().clone() for name, each in network.named_parameters()}
    fit(built)
    for name, parameter in network.named_parameters():
        rate = LR / 4 * (1 if name.startswith("backbone.") else FACTOR)
        torch.testing.assert_close(before[name] - parameter, rate * (1 + DECAY * before[name]), rtol=1e-4, atol=1e-5)
