"""From the folders of runs to verdicts in the report, and why a row has none."""

import csv
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.reporting.comparison.gallery import build_gallery, data_uri
from fastfcn.reporting.comparison.report import Report, build_report, write_report
from fastfcn.reporting.comparison.sentences import findings
from fastfcn.reporting.comparison.speed import Entry
from fastfcn.reporting.per_image import NAME, write_per_image
from fastfcn.reporting.verdicts.bootstrap import Resampling
from fastfcn.reporting.verdicts.estimates import estimate
from fastfcn.reporting.verdicts.evidence import Judged
from fastfcn.reporting.verdicts.judging import judge
from fastfcn.reporting.verdicts.wording import ALL, shown
from tests.attack.limits import memory
from tests.reporting.comparison.synthetic import write_experiment
from tests.reporting.per_image_of import empty_images
from tests.reporting.verdicts.synthetic import counts_of, images_of, truth_of, write_table

ROWS = {"jpu": 0.0, "dilated": 0.1, "none": 12.0}


def reported(folder: Path, **options: float) -> tuple[Report, Judged]:
    report = build_report(folder, [folder / "results"], **options)
    return report, report.judged[0]


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = write_experiment(tmp_path)
    write_table(folder / "results", ROWS)
    return folder


def test_verdicts_come_first_and_lie_in_files(experiment: Path) -> None:
    report, judged = reported(experiment)
    written = write_report(report, experiment / "report", made=date(2026, 1, 2))
    assert [path.name for path in written] == ["results.csv", "results.md", "index.html", "verdicts.csv"]
    text = (experiment / "report" / "results.md").read_text()
    blocks = text[text.index("## shapes") :].split("\n\n")
    best, other = ("jpu", "dilated") if judged.judgement.of("jpu", "dilated").one == "jpu" else ("dilated", "jpu")
    assert blocks[1].startswith(f"{best} (")
    assert "is better than none (+1" in blocks[1]
    assert blocks[2].startswith(f"{other} (")
    assert blocks[3].startswith("Judged on 60 images; differences of ")
    assert " ≈ stands where no difference is shown." in text
    page = (experiment / "report" / "index.html").read_text()
    assert page.index("is better than none") < page.index("<table")
    rows = list(csv.DictReader((experiment / "report" / "verdicts.csv").open()))
    assert len(rows) == 3 + 3 * 4  # on mIoU, and on four classes of every pair
    assert [row["word"] for row in rows if row["class"] == "" and row["other"] == "none"] == ["better", "better"]


def test_the_margin_is_an_option(experiment: Path) -> None:
    assert reported(experiment)[1].judgement.of("jpu", "dilated").word == "undecided"
    wide = reported(experiment, margin=9.0)[1].judgement.of("jpu", "dilated")
    assert wide.word == "equivalent"


def test_the_cheapest_row_that_is_not_worse_is_named(experiment: Path) -> None:
    """JPU takes 27.7 GFLOPs, dilation 62, and no upsampling 20."""
    for path in (experiment / "results").glob("none/*/*"):
        path.unlink()
    for margin, sentence in {
        9.0: "The cheapest row that is sure to lose less than 9 points against dilated: jpu (27.7 GFLOPs).",
        0.1: "No row of fewer operations is sure to lose less than 0.1 points against dilated (62.0 GFLOPs).",
    }.items():
        report, judged = reported(experiment, margin=margin)
        found = findings(report.tables[0], report.published, judged)
        best = judged.judgement.verdicts[0].one
        expected = sentence if best == "dilated" else "against jpu (27.7 GFLOPs)"
        assert any(expected in each for each in found)


def test_the_cheapest_row_may_be_held_against_another(experiment: Path) -> None:
    report = build_report(experiment, [experiment / "results"], than="none")
    found = findings(report.tables[0], report.published, report.judged[0])
    assert "No row of fewer operations is sure to lose less than 1 point against none (20.0 GFLOPs)." in found
    speeds = {
        row: Entry.model_validate(
            {
                "model": row,
                "path": "plain",
                "gflops": 1,
                "parameters": 1,
                "latency_ms": {"median": 1000 / fps},
                "fps": fps,
            }
        )
        for row, fps in {"jpu": 9.0, "dilated": 2.0, "none": 5.0}.items()
    }
    found = findings(report.tables[0], report.published, report.judged[0], speeds)
    assert "The cheapest row that is sure to lose less than 1 point against none: jpu (9.00 images a second)." in found
    with pytest.raises(ValueError, match="than=fpn: no result is of that row; there are none, jpu, dilated"):
        build_report(experiment, [experiment / "results"], than="fpn")


def test_a_rows_interval_is_over_images_and_seeds(experiment: Path) -> None:
    judged = reported(experiment)[1]
    found, sample, images = judged.estimates["jpu"], judged.judgement.samples["jpu"], judged.differing
    assert found.value == pytest.approx(100 * sample.miou.mean())
    of_images = estimate(sample, np.array(0.0), 6, len(images))
    assert found.low < of_images.low < found.value < of_images.high < found.high
    assert found.high - found.value == pytest.approx(found.value - found.low)


def test_images_on_which_rows_differ_come_first(experiment: Path) -> None:
    report, judged = reported(experiment)
    order = sorted(judged.differing, key=lambda name: -judged.differing[name])
    chosen = [order[0], *order[-7:]]
    for line in report.tables[0].lines:
        folder = line.runs[0].folder / "predictions"
        folder.mkdir()
        for index, name in enumerate(chosen):
            Image.new("L", (8, 8), index).save(folder / f"{name}.png")
    gallery = build_gallery(report.tables[0].lines, judged.differing)
    assert gallery.rows[0][0].source == data_uri(
        report.tables[0].lines[0].runs[0].folder / f"predictions/{order[0]}.png"
    )
    assert len(gallery.rows) == 6


def test_results_without_images_are_as_they_were(experiment: Path) -> None:
    for path in experiment.rglob(NAME):
        path.unlink()
    report, judged = reported(experiment)
    assert judged.judgement is None
    assert len(write_report(report, experiment / "report", made=date(2026, 1, 2))) == 3


def other_names(path: Path) -> None:
    counts = counts_of(truth_of(60, np.random.default_rng(0)), np.full(60, 0.2))
    write_per_image(path, images_of(counts))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (Path.unlink, "per_image.npz of seed 1 is not there"),
        (lambda path: path.write_bytes(b"PK"), "per_image.npz of seed 1 is damaged: File is not a zip file"),
        (other_names, "per_image.npz of seed 1 sums to "),
        (lambda path: write_per_image(path, empty_images(1_000_000)), "per_image.npz of seed 1 is damaged: more than"),
    ],
)
def test_a_row_without_its_images_is_left_out_and_said(
    spoil: Callable[[Path], object], reason: str, experiment: Path
) -> None:
    spoil(experiment / "results" / "none" / "seed1" / NAME)
    report, judged = reported(experiment)
    assert judged.reasons["none"].startswith(reason)
    assert set(judged.judgement.samples) == {"jpu", "dilated"}
    write_report(report, experiment / "report", made=date(2026, 1, 2))
    assert f"No verdict on none: {reason}" in (experiment / "report" / "results.md").read_text()


def test_rows_of_other_images_are_no_pair(experiment: Path, tmp_path: Path) -> None:
    write_table(experiment / "results", {"bilinear": 1.0}, images=50)
    judged = reported(experiment)[1]
    left_out = {"jpu", "dilated", "none"} if "bilinear" in judged.judgement.samples else {"bilinear"}
    assert set(judged.reasons) == left_out
    assert all("is of other images" in reason for reason in judged.reasons.values())


def test_of_a_large_table_the_best_and_neighbours_are_shown() -> None:
    truth = truth_of(20, np.random.default_rng(0))
    resampling = Resampling(truth, draws=20)
    rows = {f"row{index:02d}": counts_of(truth, np.full(20, 0.1 + 0.01 * index)) for index in range(20)}
    judgement = judge({row: resampling.sample([counts, counts]) for row, counts in rows.items()}, images=20)
    assert len(judgement.verdicts) == 190 > ALL
    pairs = {(each.one, each.other) for each in shown(judgement)}
    assert len(pairs) == 19 + 18
    assert {("row00", "row19"), ("row18", "row19")} < pairs


@pytest.mark.slow  # half a minute
def test_a_hundred_rows_in_a_minute_and_two_gibibytes() -> None:
    images, classes = 2000, 150
    rng = np.random.default_rng(0)
    truth = np.round((rng.random((images, classes)) < 0.1) * rng.uniform(100, 30_000, (images, classes)))
    before, started = memory("VmHWM"), time.perf_counter()
    resampling = Resampling(truth)
    samples = {}
    for row in range(100):
        wrong = 0.2 + 0.001 * row + 0.05 * rng.standard_normal((5, images))
        samples[f"row{row}"] = resampling.sample([counts_of(truth, each) for each in wrong])
    judgement = judge(samples, images=images)
    assert time.perf_counter() - started < 60
    assert memory("VmHWM") - before < 2 * 2**30
    assert len(judgement.verdicts) == 4950
    assert judgement.of("row0", "row99").word == "better"
