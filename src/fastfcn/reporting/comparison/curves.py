"""Learning curves of a row: the mean and the range over its seeds."""

import csv
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from fastfcn.reporting.comparison.table import Line

METRICS = "metrics.csv"  # written beside result.json
VALIDATION = "val/miou"
LOSS = "train/loss"
POINTS = 40  # a curve of more is averaged over intervals of this number


@dataclass(frozen=True)
class Curve:
    """Values of a metric after `steps` optimiser steps: mean, lowest and highest over the seeds."""

    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def in_percent(self) -> "Curve":
        """Return the curve of a fraction in percent."""
        mean, low, high = (tuple(100 * value for value in each) for each in (self.mean, self.low, self.high))
        return Curve(self.steps, mean, low, high)


def read_metric(path: Path, metric: str) -> dict[int, float]:
    """Read the values of `metric` by steps done, without rows that a kill cut short and values that are not finite.

    Raises FileNotFoundError.
    """
    values: dict[int, float] = {}
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                step, value = int(row["step"]), float(row[metric])
            except (KeyError, TypeError, ValueError):
                continue
            if math.isfinite(value):
                values[step + 1] = value  # logged at the index of the step
    return values


def curve_of(line: Line, metric: str) -> Curve | None:
    """Join the seeds of a row at the steps that all of them logged; None without any."""
    paths = [run.folder / METRICS for run in line.runs]
    series = [thinned(read_metric(path, metric)) for path in paths if path.is_file()]
    steps = sorted(set.intersection(*(set(values) for values in series))) if series else []
    if not steps:
        return None
    columns = [[values[step] for values in series] for step in steps]
    return Curve(
        tuple(steps),
        tuple(statistics.fmean(column) for column in columns),
        tuple(min(column) for column in columns),
        tuple(max(column) for column in columns),
    )


def thinned(values: dict[int, float]) -> dict[int, float]:
    """Average a noisy series over at most POINTS intervals, each told at its last step."""
    steps = sorted(values)
    width = math.ceil(len(steps) / POINTS)
    parts = [steps[start : start + width] for start in range(0, len(steps), width or 1)]
    return {part[-1]: statistics.fmean(values[step] for step in part) for part in parts}
