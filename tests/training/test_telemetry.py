"""Telemetry tells what it says it tells."""

import csv
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fastfcn.data.loading import TrainingSamples
from fastfcn.training.telemetry import GradientNorm
from tests.conftest import TINY_RUN


class Recorder(nn.Module):
    """Two parameters and what was logged of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unused = (nn.Parameter(torch.zeros(2)) for _ in range(3))
        self.first.grad, self.second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: torch.Tensor, **_: object) -> None:
        self.logged[name] = float(value)


@pytest.mark.parametrize(("step", "logged"), [(0, {}), (8, {}), (9, {"grad_norm": 5.0}), (19, {"grad_norm": 5.0})])
def test_the_norm_is_over_all_parameters_and_only_where_it_is_logged(step: int, logged: dict[str, float]) -> None:
    module = Recorder()
    GradientNorm(every=10).on_before_optimizer_step(SimpleNamespace(global_step=step), module, None)
    assert module.logged == logged


def rows(run_dir: Path, name: str) -> list[float]:
    with (run_dir / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_waiting_for_slow_data_is_seen(tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    get = TrainingSamples.__getitem__

    def slowly(self, draw):
        time.sleep(0.04)
        return get(self, draw)

    monkeypatch.setattr(TrainingSamples, "__getitem__", slowly)
    script("train", *TINY_RUN, "recipe.workers=0", "recipe.epochs=1", f"hydra.run.dir={tmp_path}/slow")
    waits, speeds = rows(tmp_path / "slow", "data_wait"), rows(tmp_path / "slow", "images/s")
    assert len(waits) == 4
    assert all(wait * 1 / speed >= 0.039 for wait, speed in zip(waits, speeds, strict=True))  # seconds an image
    assert all(wait < 1 for wait in waits)
    (memory,) = rows(tmp_path / "slow", "peak_memory_gb")
    assert 0.1 < memory < 100
