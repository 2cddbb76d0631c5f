"""CSV and Markdown."""

import csv
from datetime import date
from pathlib import Path

from fastfcn.reporting.comparison.report import Report, build_report
from fastfcn.reporting.comparison.tabular import to_markdown
from tests.reporting.comparison.synthetic import write_experiment, write_run

GOLDEN = Path(__file__).with_name("results.md")


def test_csv_reads_back_as_the_runs(experiment: Path, report: Report) -> None:
    with (experiment / "report" / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report.runs) == 6
    by_key = {(run.result.row, run.result.seed): run.result for run in report.runs}
    for row in rows:
        result = by_key.pop((row["row"], int(row["seed"])))
        assert (float(row["miou"]), float(row["pixacc"])) == (result.miou, result.pixacc)
        assert (row["backbone"], int(row["output_stride"])) == (result.model.backbone, result.model.output_stride)
        for name in ("experiment", "data", "split", "protocol", "device", "commit"):
            assert row[name] == getattr(result, name)
        for name in ("steps", "parameters", "gflops", "seconds"):
            assert float(row[name]) == getattr(result, name)


def test_markdown_is_the_golden_one(experiment: Path) -> None:
    assert (experiment / "report" / "results.md").read_text() == GOLDEN.read_text()


def test_a_comparable_row_shows_the_difference_with_its_sign(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    for row, miou in {"jpu": 0.52, "dilated": 0.49}.items():
        write_run(folder / "results", row, miou=miou, data="pascal_context", backbone="tu-resnet50s")
    text = to_markdown(build_report(folder, [folder / "results"]), made=date(2026, 1, 2))
    assert "| 52.00 | 1 | 51.05 | +0.95 |" in text
    assert "| 49.00 | 1 | 49.91 | -0.91 |" in text
    assert "Not comparable" not in text
    assert "jpu 51.05 > dilated 49.91; the measured order agrees." in text


def test_a_pipe_in_a_name_breaks_no_table(report: Report, tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    write_run(folder / "results", "a|b")
    text = to_markdown(build_report(folder, [folder / "results"]), made=date(2026, 1, 2))
    assert "| a\\|b |" in text
