"""Speeds as benchmark.py tells them, beside the published ones."""

import json
from datetime import date
from pathlib import Path

import pytest

from fastfcn.reporting.comparison.cells import speed_grid
from fastfcn.reporting.comparison.page import to_html
from fastfcn.reporting.comparison.report import build_report
from fastfcn.reporting.comparison.runs import Result
from fastfcn.reporting.comparison.sentences import speed_findings
from fastfcn.reporting.comparison.speed import Entry, read_speeds
from fastfcn.reporting.comparison.tabular import markdown_table, to_markdown
from tests.reporting.comparison.synthetic import GFLOPS, content, write_experiment, write_results

ROWS = {"none": "model=a model/upsampling=none", "jpu": "model=a", "dilated": "model=b"}


def write_benchmark(folder: Path, *, backbone: str = "tu-resnet18", options: str = "", **fps: float) -> None:
    """Write what benchmark.py does: networks by their presets and options."""
    models = [
        {
            "model": ROWS[row].removeprefix("model=") + options, "path": path, "parameters": 2_000_000,
            "gflops": GFLOPS.get(row, 40.0), "backbone": backbone, "output_stride": 32, "upsampling": row,
            "head": "encnet",
            "latency_ms": {"median": 1000 / (value * factor), "min": 1.0, "max": 9.0}, "fps": value * factor,
        }
        for row, value in fps.items()
        for path, factor in {"plain": 1, "fast": 2}.items()
    ]  # fmt: skip
    content = {"what": "forward", "size": 512, "batch": 1, "threads": 2, "device": "cpu", "models": models}
    (folder / f"benchmark{options.strip()}.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_experiment(tmp_path)
    (folder / "sweep.yaml").write_text(f"protocol: full\nrows: {json.dumps({**ROWS, 'bilinear': 'model=c'})}")
    write_benchmark(folder, dilated=2.0, jpu=5.0, none=8.0)
    return folder


def test_speeds_compare_by_ratio(folder: Path) -> None:
    report = build_report(folder, [])
    lines = markdown_table(speed_grid(report.rows, report.speeds, report.published)).splitlines()
    assert lines[2:] == [
        "| none | plain | 20.0 | 2.0 | 125.0 | 8.00 |  | 4.00 |  |",
        "| jpu | plain | 27.7 | 2.0 | 200.0 | 5.00 | 37.56 | 2.50 | 2.00 |",
        "| dilated | plain | 62.0 | 2.0 | 500.0 | 2.00 | 18.77 | 1.00 | 1.00 |",
        "| bilinear | plain |  |  |  | missing |  |  |  |",
        "| none | fast | 20.0 | 2.0 | 62.5 | 16.00 |  | 4.00 |  |",
        "| jpu | fast | 27.7 | 2.0 | 100.0 | 10.00 | 37.56 | 2.50 | 2.00 |",
        "| dilated | fast | 62.0 | 2.0 | 250.0 | 4.00 | 18.77 | 1.00 | 1.00 |",
        "| bilinear | fast |  |  |  | missing |  |  |  |",
    ]
    assert speed_findings(report.speeds, report.published) == [
        "Measured on cpu, threads 2, 512 x 512, batch 1.",
        "Measured order by FPS, plain: none 8.00 > jpu 5.00 > dilated 2.00; "
        "the published rows are in the published order.",
        "Measured order by FPS, fast: none 16.00 > jpu 10.00 > dilated 4.00; "
        "the published rows are in the published order.",
        "Published: jpu 37.56 > dilated 18.77. The devices differ, so only ratios compare: "
        "times are multiples of the slowest published row.",
    ]


def test_another_order_is_said_to_be_another(folder: Path) -> None:
    write_benchmark(folder, dilated=6.0, jpu=5.0)
    report = build_report(folder, [])
    assert "the published rows are in another order" in speed_findings(report.speeds, report.published)[1]


def test_accuracy_is_set_against_speed_where_every_row_was_timed(folder: Path) -> None:
    write_results(folder / "results")
    made = date(2026, 1, 2)
    text = to_markdown(build_report(folder, [folder / "results"]), made=made)
    assert "| min a run | FPS | published FPS |" in text
    assert "| 100.0 | 5.00 | 37.56 |" in text  # on the path that the paper timed
    assert "mIoU against GFLOPs" in to_html(build_report(folder, [folder / "results"]), made=made)
    (folder / "results" / "bilinear").rename(folder / "bilinear")
    page = to_html(build_report(folder, [folder / "results"]), made=made)
    assert "mIoU against images a second" in page
    assert "the rows that no other beats in both: none, jpu." in page
    assert "Upright bars: the range of seeds; level ones: the slowest and the fastest round." in page


def test_a_speed_is_that_of_the_network_and_not_of_the_row(folder: Path) -> None:
    write_results(folder / "results")
    (folder / "results" / "bilinear").rename(folder / "bilinear")
    (folder / "benchmark.json").unlink()
    lines = build_report(folder, [folder / "results"]).tables[0].lines
    assert [line.label for line in lines] == ["none", "jpu"]
    write_benchmark(folder, backbone="mit_b0", options=" backbone=mit_b0", none=80.0, jpu=50.0)
    report = build_report(folder, [folder / "results"])
    assert report.speeds.of(lines) == {}
    assert list(report.speeds.paths["plain"]) == ["none (mit_b0)", "jpu (mit_b0)"]
    write_benchmark(folder, none=8.0, jpu=5.0)
    speeds = build_report(folder, [folder / "results"]).speeds
    assert {label: entry.fps for label, entry in speeds.of(lines).items()} == {"none": 8.0, "jpu": 5.0}
    assert set(speeds.paths["plain"]) == {"none", "jpu", "none (mit_b0)", "jpu (mit_b0)"}


@pytest.mark.parametrize(("gflops", "same"), [(27.0, True), (29.0, True), (30.0, False), (25.0, False)])
def test_a_network_of_another_width_is_another(gflops: float, same: bool) -> None:
    facts = {"model": "a", "path": "plain", "gflops": gflops, "parameters": 1, "fps": 1.0, "latency_ms": {"median": 1}}
    result = Result.model_validate(content("jpu"))
    assert Entry.model_validate({**facts, **result.model.model_dump()}).is_of(result) == same
    assert not Entry.model_validate(facts).is_of(result)


@pytest.mark.parametrize(
    ("latency", "expected"),
    [({"min": 8.0, "max": 12.5}, (80, 125)), ({}, (100, 100)), ({"min": 11.0, "max": 9.0}, (100, 100))],
)
def test_images_a_second_have_the_range_of_the_rounds(latency: dict[str, float], expected: tuple[float, float]) -> None:
    """100 images a second at a median of 10 ms."""
    facts = {"model": "a", "path": "plain", "gflops": 1.0, "parameters": 1, "fps": 100.0}
    entry = Entry.model_validate({**facts, "latency_ms": {"median": 10.0, **latency}})
    assert entry.fps_range == pytest.approx(expected)


def test_speeds_alone_make_a_page(folder: Path) -> None:
    page = to_html(build_report(folder, []), made=date(2026, 1, 2))
    assert "No results yet" not in page
    assert '<section id="speed">' in page


@pytest.mark.parametrize(
    ("text", "message"), [("{", "Invalid JSON"), ("{}", "size: Field required"), ("[]", "Input should be an object")]
)
def test_another_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text(text)
    with pytest.raises(ValueError, match=r"benchmark\.json") as error:
        read_speeds(tmp_path, {})
    assert message in str(error.value)
