"""Timing pieces of work against each other."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch

PEAK_SIZES = (1024, 2048, 3072)  # of the matrices whose products show what the machine can do


@dataclass
class Timing:
    """Seconds of every round."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median, in seconds."""
        return statistics.median(self.seconds)

    def milliseconds(self) -> dict[str, float]:
        """Return median, lowest and highest, in milliseconds."""
        figures = {"median": self.median, "min": min(self.seconds), "max": max(self.seconds)}
        return {name: round(1e3 * value, 3) for name, value in figures.items()}

    def text(self) -> str:
        """Write `median (lowest to highest)` in milliseconds."""
        figures = self.milliseconds()
        return f"{figures['median']:.1f} ({figures['min']:.1f} to {figures['max']:.1f})"


def interleave(works: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, Timing]:
    """Time every work once a round, in turn, so that a drift of the machine's speed hits all; one round warms up."""
    timings = {name: Timing() for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            seconds = _time(work, device)
            if number:
                timings[name].seconds.append(seconds)
    return timings


def matrix_products(device: torch.device) -> dict[str, Callable[[], object]]:
    """Return float32 matrix products to measure the machine's peak by: several sizes and, on CPUs, both libraries.

    Named so that `product_gflop` knows their operations.
    """
    works: dict[str, Callable[[], object]] = {}
    for size in PEAK_SIZES:
        left, right = (torch.randn(size, size, device=device) for _ in range(2))
        works[f"product {size}"] = partial(torch.mm, left, right)
        if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            packed = torch.ops.mkldnn._reorder_linear_weight(right, size)
            linear = torch.ops.mkldnn._linear_pointwise
            works[f"oneDNN product {size}"] = partial(linear, left, packed, None, "none", [], "")
    return works


def product_gflop(name: str) -> float:
    """Return the operations, in 1e9, of a work of `matrix_products`."""
    return 2 * int(name.rpartition(" ")[2]) ** 3 / 1e9


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _time(work: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - started
