"""The best to expect of n trials, against every draw there is, and from the folders of a search to the report."""

from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from fastfcn.reporting.comparison.report import build_report, write_report
from fastfcn.reporting.verdicts.trials import expected_best, tuning_curves
from tests.reporting.comparison.synthetic import write_experiment, write_run


@pytest.mark.parametrize("scores", [[0.3], [0.2, 0.5], [0.4, 0.1, 0.4, 0.9], [0.5, 0.2, 0.1, 0.7, 0.3]])
def test_the_expected_best_is_the_mean_over_all_draws(scores: list[float]) -> None:
    expected = [np.mean([max(draw) for draw in product(scores, repeat=n)]) for n in range(1, len(scores) + 1)]
    np.testing.assert_allclose(expected_best(scores), expected)


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """Four trials of JPU and two of dilation, and a row without."""
    folder = write_experiment(tmp_path)
    trials = {"jpu": (0.40, 0.52, 0.46, 0.30), "dilated": (0.41, 0.45)}
    for row, scores in trials.items():
        for index, miou in enumerate(scores):
            run = write_run(folder / "results", row, miou=miou)
            run.rename(run.parent / f"seed0,recipe.lr=0.0{index + 1}")
    write_run(folder / "results", "none", miou=0.35)
    return folder


def test_the_best_trial_is_the_rows_run(searched: Path) -> None:
    report = build_report(searched, [searched / "results"])
    assert not report.left_out
    assert {line.label: line.miou.values for line in report.tables[0].lines} == {
        "jpu": (0.52,), "dilated": (0.45,), "none": (0.35,),
    }  # fmt: skip
    assert report.tables[0].lines[1].runs[0].folder.name == "seed0,recipe.lr=0.02"


def test_the_page_tells_what_fewer_trials_would_have_given(searched: Path) -> None:
    write_report(build_report(searched, [searched / "results"]), searched / "report", made=date(2026, 1, 2))
    text = (searched / "report" / "results.md").read_text()
    block = text[text.index("### Trials") :]
    best = [100 * each for each in expected_best([0.40, 0.52, 0.46, 0.30])]
    assert f"| jpu | 4 | {best[0]:.2f} | {best[1]:.2f} | {best[3]:.2f} |" in block
    assert "| dilated | 2 | 43.00 | 44.00 |  |" in block
    assert "The rows had different numbers of trials" in block
    page = (searched / "report" / "index.html").read_text()
    assert "<h3>Trials</h3>" in page
    assert 'aria-label="curves over trials"' in page


def test_trials_kept_apart_tell_of_a_row_and_are_none_of_its_runs(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    for index, miou in enumerate((0.40, 0.52, 0.46)):
        run = write_run(folder / "results/trials", "jpu", seed=1000, miou=miou)
        run.rename(run.parent / f"seed1000,recipe.lr=0.0{index + 1}")
    for seed in (0, 1):
        write_run(folder / "results", "jpu", seed=seed, miou=0.45, split="test")
    report = build_report(folder, [folder / "results"])
    assert not report.left_out
    assert [line.miou.values for table in report.tables for line in table.lines] == [(0.45, 0.45)]
    (cells,) = report.tuning[0].rows
    best = [f"{100 * each:.2f}" for each in expected_best([0.40, 0.52, 0.46])]
    assert [cell.text for cell in cells] == ["jpu", "3", *best, "recipe.lr=0.02"]
    curve = tuning_curves(report.tuning[0])["jpu"]
    assert curve.steps == (1, 2, 3)
    assert curve.mean[-1] == pytest.approx(100 * expected_best([0.40, 0.52, 0.46])[-1])


def test_the_same_trial_told_twice_is_one(searched: Path) -> None:
    report = build_report(searched, [searched / "results", searched])
    assert report.tuning == build_report(searched, [searched / "results"]).tuning
