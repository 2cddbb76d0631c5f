"""Learning curves of a row: the mean and the range over its seeds."""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from fastfcn.reading import read_rows
from fastfcn.reporting.comparison.table import Line

METRICS = "metrics.csv"  # written beside result.json
GREATEST_STEP, GREATEST = 10**12, 1e12  # beyond them nothing can be drawn
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
    """Read the values of `metric` by steps done, without rows that a kill cut short and values that cannot be drawn.

    Raises OSError, or ValueError, in one line, for a file that is damaged.
    """
    values: dict[int, float] = {}
    for row in read_rows(path):
        try:
            step, value = int(row["step"]), float(row[metric])
        except (KeyError, ValueError):
            continue
        if 0 <= step < GREATEST_STEP and abs(value) < GREATEST:
            values[step + 1] = value  # logged at the index of the step
    return values


def curve_of(line: Line, metric: str, faults: list[str]) -> Curve | None:
    """Join the seeds of a row at the steps that all of them logged; None without any.

    A file that cannot be read costs its own run, and a line in `faults`.
    """
    series = []
    for path in (run.folder / METRICS for run in line.runs):
        try:
            series.append(thinned(read_metric(path, metric)))
        except FileNotFoundError:
            continue
        except (ValueError, OSError) as error:
            faults.append(str(error))
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
