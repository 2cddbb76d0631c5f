"""A report on the synthetic experiment."""

from datetime import date
from pathlib import Path

import pytest

from fastfcn.reporting.comparison.report import Report, build_report, write_report
from tests.reporting.comparison.synthetic import write_experiment, write_results


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment with results and the report on them."""
    folder = write_experiment(tmp_path_factory.mktemp("experiments"))
    write_results(folder / "results")
    write_report(build_report(folder, [folder / "results"]), folder / "report", made=date(2026, 1, 2))
    return folder


@pytest.fixture(scope="module")
def report(experiment: Path) -> Report:
    """What was reported."""
    return build_report(experiment, [experiment / "results"])
