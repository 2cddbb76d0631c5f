"""Budgets: what they pay for, and that a run that ends within an epoch is validated, kept and scored all the same."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fastfcn.checkpoints import build_network, read_checkpoint
from fastfcn.composition import plain
from fastfcn.models.cost import gflops
from fastfcn.models.features import Prediction
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.budget import Batches, Budget, budgeted_steps, measure_step, training_gflops
from fastfcn.training.config import read_config
from fastfcn.training.losses import SegmentationLoss
from tests.conftest import TINY_MODEL, TINY_RUN, call_train

BATCHES = Batches(size=2, count=2, processes=1, crop_size=64)
LOSS = SegmentationLoss(aux_weight=0.4, presence_weight=0.0)


def unasked() -> float:
    raise AssertionError("measured where nobody asked")


@pytest.fixture
def network(composed) -> Segmenter:
    return build_network(plain(composed(*TINY_MODEL).model), num_classes=5)


def test_a_run_ends_with_its_budget_validated_and_scored(tmp_path: Path) -> None:
    options = ("budget.steps=6", "trainer.check_val_every_n_epoch=3", "protocol=full", "score_split=test", "pictures=0")
    call_train(*TINY_RUN, *options, f"hydra.run.dir={tmp_path}")
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["steps"], result["split"]) == (6, "test")  # four steps an epoch
    assert 0 < result["metrics"]["test/miou_full"] <= 1
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert [row["epoch"] for row in rows if row["val/miou"]] == ["1"]
    run = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert run["global_step"] == 6
    assert read_checkpoint(tmp_path / "checkpoints" / "best.ckpt").description.run["steps"] == 6
    scheduler = run["lr_schedulers"][0]
    assert scheduler["_last_lr"] == [0.0] * len(scheduler["_last_lr"])  # poly reaches its end with the budget's


def test_the_last_epoch_is_validated_whatever_the_interval(tmp_path: Path) -> None:
    call_train(*TINY_RUN, "trainer.check_val_every_n_epoch=5", f"hydra.run.dir={tmp_path}")
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["global_step"] == 8


def test_networks_spend_the_same_operations(composed) -> None:
    for upsampling in ("none", "jpu"):
        model = composed(*TINY_MODEL, f"model/upsampling={upsampling}").model
        network = build_network(plain(model), num_classes=5)
        step = training_gflops(network, BATCHES)
        steps = Budget(gflops=100 * step + 0.3 * step).optimiser_steps(network, BATCHES, unasked)
        assert steps == 100
    wide = Batches(size=4, count=2, processes=3, crop_size=64)
    assert training_gflops(network, wide) == pytest.approx(24 * 3 * gflops(network, 64))  # forward, and twice backward


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_seconds_are_measured_on_a_copy_in_the_precision_asked_for(
    precision: str, network: Segmenter, composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_config(composed(*TINY_RUN, f"trainer.precision={precision}"))
    seen: list[bool] = []
    forward = Segmenter.forward

    def watched(*arguments: Any, **options: Any) -> Prediction:
        seen.append(torch.is_autocast_enabled("cpu"))
        return forward(*arguments, **options)

    monkeypatch.setattr(Segmenter, "forward", watched)
    state, before = torch.random.get_rng_state(), {name: each.clone() for name, each in network.state_dict().items()}
    monkeypatch.setattr("fastfcn.training.budget.statistics.median", lambda seconds: 0.5 * (len(seconds) == 5))
    assert measure_step(network, LOSS, BATCHES, settings) == BATCHES.count * 0.5
    assert seen == [precision != "32-true"] * 6
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_seconds_pay_for_as_many_steps_as_fit(network: Segmenter) -> None:
    assert Budget(seconds=60.0).optimiser_steps(network, BATCHES, lambda: 0.25) == 240


def test_a_resumed_run_keeps_the_steps_that_its_seconds_paid_for(network: Segmenter, composed) -> None:
    resumed = SimpleNamespace(description=SimpleNamespace(run={"steps": 7}))
    for budget, expected in {"seconds=1000": 7, "steps=9": 9}.items():
        settings = read_config(composed(*TINY_RUN, f"budget.{budget}"))
        assert budgeted_steps(settings, network, LOSS, resumed) == expected


@pytest.mark.parametrize(
    ("options", "processes", "message"),
    [
        ({"gflops": 1e-6}, 1, "budget.gflops pays for less than one step"),
        ({"seconds": 60.0}, 2, "budget.seconds counts those of one process"),
    ],
)
def test_what_is_no_budget(options: dict[str, float], processes: int, message: str, network: Segmenter) -> None:
    batches = Batches(size=2, count=1, processes=processes, crop_size=64)
    with pytest.raises(ValueError, match=message):
        Budget(**options).optimiser_steps(network, batches, unasked)


def test_two_budgets_are_none(fails) -> None:
    options = ("budget.steps=6", "budget.gflops=10")
    assert "give one budget, not both budget.steps and budget.gflops" in fails("train", *TINY_RUN, *options)
