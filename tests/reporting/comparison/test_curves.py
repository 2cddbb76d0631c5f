"""Learning curves over seeds."""

from pathlib import Path

import pytest

from fastfcn.reporting.comparison.curves import POINTS, curve_of, read_metric, thinned
from fastfcn.reporting.comparison.published import Published
from fastfcn.reporting.comparison.runs import collect
from fastfcn.reporting.comparison.table import Line, build_tables
from fastfcn.tracking.keys import BEST_METRIC, TRAIN_LOSS
from tests.reporting.comparison.synthetic import write_run


def line(root: Path) -> Line:
    return build_tables(collect([root], "upsampling").runs, [], Published())[0].lines[0]


def test_mean_and_range_over_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path, seed=seed)
    curve = curve_of(line(tmp_path), BEST_METRIC, [])
    assert curve is not None
    assert curve.steps == tuple(range(10, 101, 10))
    assert curve.mean[0] == pytest.approx(0.2 + 9 / 500 + 0.01)
    assert (curve.low[0], curve.high[0]) == pytest.approx((0.218, 0.238))
    assert curve.in_percent().high[0] == pytest.approx(23.8)


def test_only_steps_that_every_seed_logged_are_joined(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    other = write_run(tmp_path, seed=1)
    rows = (other / "metrics.csv").read_text().splitlines()
    (other / "metrics.csv").write_text("\n".join([*rows[:5], "0,29,1.9", "0,x,1,2", "0,39,nan,nan"]))
    curve = curve_of(line(tmp_path), TRAIN_LOSS, [])
    assert curve is not None
    assert curve.steps == (10, 20, 30)


def test_without_metrics_there_is_no_curve(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    assert curve_of(line(tmp_path), "val/unknown", []) is None
    (folder / "metrics.csv").unlink()
    assert curve_of(line(tmp_path), TRAIN_LOSS, []) is None


def test_a_metric_is_read_at_steps_done(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,train/loss\n0,3.5\n1,\n2,1.5\n")
    assert read_metric(path, TRAIN_LOSS) == {1: 3.5, 3: 1.5}


def test_a_long_series_is_averaged() -> None:
    series = {step: float(step) for step in range(1, 1001)}
    short = thinned(series)
    assert len(short) == POINTS
    assert short[25] == pytest.approx(13.0)
    assert list(short)[-1] == 1000
    assert thinned({}) == {}
    assert thinned({5: 1.0}) == {5: 1.0}
