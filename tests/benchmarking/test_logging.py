"""what=logging takes turns with and without logging."""

import csv
import json
from pathlib import Path

import pytest
import wandb

from fastfcn.tracking.offline import read_runs
from tests.conftest import TINY_MODEL

SMALL = (
    "what=logging",
    "data=shapes",
    *TINY_MODEL[:1],
    "model.upsampling.width=32",
    "data.size=64",
    "augmentation.crop_size=64",
    "augmentation.base_size=64",
    "recipe.batch_size=2",
    "recipe.workers=0",
    "trainer.log_every_n_steps=2",
    "logger=offline",
)


@pytest.mark.parametrize("accumulated", [pytest.param(1, marks=pytest.mark.slow), 2])  # 2 is the harder case
def test_every_other_turn_is_logged(accumulated: int, tmp_path: Path, script, capsys) -> None:
    options = ("rounds=3", f"trainer.accumulate_grad_batches={accumulated}")
    script("benchmark", *SMALL, *options, f"hydra.run.dir={tmp_path}")
    content = json.loads((tmp_path / "benchmark.json").read_text())
    assert set(content["milliseconds_a_step"]) == {"bare", "logged"}
    assert all(value > 0 for value in content["milliseconds_a_step"].values())
    low, high = content["share_of_logging"]["quartiles"]
    assert low <= content["share_of_logging"]["median"] <= high
    assert "share of logging" in capsys.readouterr().out
    with (tmp_path / "run" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps[:4] == [1, 5, 7, 13]  # the warm-up, then bare, logged, logged, bare, bare, logged
    wandb.teardown()  # waits for the file
    (run,) = read_runs([tmp_path])
    assert run.history


def test_it_needs_data(fails) -> None:
    assert "what=logging trains: give data=NAME" in fails("benchmark", "what=logging")
