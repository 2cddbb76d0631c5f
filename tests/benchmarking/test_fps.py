"""Images a second in passing: passes that count, and the median of them."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from fastfcn.benchmarking import fps
from fastfcn.models.normalisation import IMAGENET
from fastfcn.models.padding import Padding


class Clocked(nn.Module):
    """A stand-in for a network whose passes take the seconds that it is given."""

    statistics = IMAGENET
    backbone = SimpleNamespace(padding=Padding())

    def __init__(self, seconds: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seconds = itertools.cycle(seconds)
        self.now = 0.0
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> None:
        assert not self.training
        self.shapes.append(tuple(images.shape))
        self.now += next(self.seconds)


@pytest.mark.parametrize(
    ("seconds", "passes", "expected"),
    [
        ([9.0, 0.25, 0.25, 0.5, 1.0], 4, 1 / 0.375),  # the first warms up, the others go on for two seconds
        ([1.0, 4.0, 2.0, 5.0], 3, 1 / 4.0),  # slow ones are at least three
    ],
)
def test_it_is_one_over_the_median_after_a_warm_up(
    seconds: list[float], passes: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Clocked(seconds)
    monkeypatch.setattr(fps, "time", SimpleNamespace(perf_counter=lambda: network.now))
    assert fps.frames_per_second(network, torch.device("cpu")) == pytest.approx(expected)
    assert network.shapes == [(1, 3, 512, 512)] * (1 + passes)
