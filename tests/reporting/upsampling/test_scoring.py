"""Where upsampling matters: from the folders of runs to the report, and shares of a gap by hand."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.shapes import Shapes
from fastfcn.evaluation.regions.counting import count_regions
from fastfcn.evaluation.regions.grid import grid_labels
from fastfcn.reporting.boundary import NAME, REGIONS, TRIMAP, Regions, read_regions, write_regions
from fastfcn.reporting.comparison.report import build_report, write_report
from fastfcn.reporting.per_image import NAME as PER_IMAGE
from fastfcn.reporting.per_image import PerImage, write_per_image
from fastfcn.reporting.upsampling.scoring import BANDS, BOUNDARY_IOU, MIOU, UpsamplingScores, share_closed
from fastfcn.reporting.verdicts.bootstrap import Sample, mean_iou, whole_iou
from tests.reporting.comparison.synthetic import write_experiment, write_run

CLASSES, IMAGES = 5, 6
ROWS = {"none": 32, "jpu": 8, "dilated": 16}  # predictions are the labels of a grid, with some noise


@pytest.fixture(scope="module")
def truths() -> list[np.ndarray]:
    split = Shapes(size=96, val_images=IMAGES).split("val")
    return [split[index].mask % CLASSES for index in range(IMAGES)]


def write_row(root: Path, row: str, truths: list[np.ndarray], *, seed: int) -> None:
    """Write a run whose predictions are as coarse as a grid, every hundredth pixel wrong."""
    rng = np.random.default_rng(seed + 10 * ROWS[row])
    entries, cells = [], []
    for truth in truths:
        noise = np.where(rng.random(truth.shape) < 0.01, 1, 0)
        prediction = ((grid_labels(truth, ROWS[row]) + noise) % CLASSES).astype(np.uint8)
        entries.append(count_regions(prediction, truth, CLASSES))
        pixels = np.bincount(truth.ravel().astype(int) * CLASSES + prediction.ravel(), minlength=CLASSES**2)
        cells.append(np.stack((pixels.nonzero()[0], pixels[pixels > 0])))
    names = [f"val_{index:05d}" for index in range(len(truths))]
    regions = Regions.of(names, entries, CLASSES)
    iou = whole_iou(regions.counts(*TRIMAP))
    named = dict(zip("abcde", iou.tolist(), strict=True))
    folder = write_run(root, row, seed=seed, miou=float(mean_iou(iou)), iou=named)
    write_regions(folder / NAME, regions)
    write_per_image(folder / PER_IMAGE, PerImage.of(names, cells, CLASSES))


@pytest.fixture
def experiment(tmp_path: Path, truths: list[np.ndarray]) -> Path:
    folder = write_experiment(tmp_path)
    for row in ROWS:
        for seed in range(2):
            write_row(folder / "results", row, truths, seed=seed)
    return folder


def scored(folder: Path) -> UpsamplingScores | None:
    return build_report(folder, [folder / "results"]).upsampling[0]


def test_what_a_module_makes_good_is_told(experiment: Path) -> None:
    """Rows are grids: none closes nothing, JPU nearly all of the gap to grid 8, the row of grid 16 a part of it."""
    scores = scored(experiment)
    assert list(scores.rows) == list(ROWS)
    assert not scores.reasons
    assert scores.grids[MIOU][8] > scores.grids[MIOU][16] > scores.grids[MIOU][32]
    for measure in (MIOU, BOUNDARY_IOU):
        jpu, coarse = (scores.closed[measure][row] for row in ("jpu", "dilated"))
        assert set(scores.closed[measure]) == {"jpu", "dilated"}
        assert 85 < jpu[8].value < 105
        assert jpu[8].low < jpu[8].value < jpu[8].high
        assert 10 < coarse[8].value < jpu[8].value
        assert 32 not in jpu or measure == BOUNDARY_IOU  # the row without upsampling is such a grid
        assert coarse[16].value > coarse[8].value
    for row in ROWS:
        bands = [scores.rows[row][band].value for band in BANDS]
        assert bands[0] < bands[3] < bands[-1]
    regions = read_regions(experiment / "results/jpu/seed0" / NAME, CLASSES)
    seeds = [whole_iou(read_regions(experiment / f"results/jpu/seed{seed}" / NAME, CLASSES).counts("thin"))
             for seed in range(2)]  # fmt: skip
    assert scores.rows["jpu"]["thin"].value == pytest.approx(100 * np.mean([mean_iou(each) for each in seeds]))
    assert regions.region.max() < len(REGIONS)


def test_the_page_has_a_chart_each_and_the_table_the_numbers(experiment: Path) -> None:
    write_report(build_report(experiment, [experiment / "results"]), experiment / "report", made=date(2026, 1, 2))
    page = (experiment / "report/index.html").read_text()
    for title in ("Boundary IoU", "Scores by distance to a boundary", "IoU by size and thickness",
                  "Share of the gap that a module closes"):  # fmt: skip
        assert page.count(f'aria-label="{title}"') == 1
    text = (experiment / "report/results.md").read_text()
    block = text[text.index("### Where upsampling matters") :]
    jpu = next(row for row in block.splitlines() if row.startswith("| jpu |"))
    assert jpu.count("(") == 8  # no part is large
    assert "| grid 8 |" in block


def test_without_the_files_the_page_is_as_it_was(experiment: Path) -> None:
    for path in experiment.rglob(NAME):
        path.unlink()
    assert scored(experiment) is None
    write_report(build_report(experiment, [experiment / "results"]), experiment / "report", made=date(2026, 1, 2))
    assert "Where upsampling matters" not in (experiment / "report/index.html").read_text()


def spoil_images(path: Path) -> None:
    regions = read_regions(path, CLASSES)
    write_regions(path, Regions(("other", *regions.names[1:]), *list(vars(regions).values())[1:]))


def spoil_counts(path: Path) -> None:
    regions = read_regions(path, CLASSES)
    found = {**vars(regions), "correct": regions.correct // 2}
    write_regions(path, Regions(**found))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (Path.unlink, "boundary.npz is not there"),
        (lambda path: path.write_bytes(b"PK"), "is damaged: File is not a zip file"),
        (spoil_images, "is of other images"),
        (spoil_counts, "its result.json says"),
    ],
)
def test_a_row_without_its_regions_is_left_out_and_said(spoil, reason: str, experiment: Path) -> None:
    spoil(experiment / "results" / "jpu" / "seed1" / NAME)
    scores = scored(experiment)
    assert set(scores.rows) == {"none", "dilated"}
    assert reason in scores.reasons["jpu"]
    assert "jpu" not in scores.closed[MIOU]


def sample(seeds: list[float], draws: list[float]) -> Sample:
    return Sample(np.array(seeds), np.zeros((len(seeds), 1)), np.array(draws), np.zeros((len(draws), 1)))


def test_a_share_by_hand() -> None:
    """From 0.4 to 0.6, the grid at 0.8: half. Seeds: 0.0004 / 0.16 x (1/2 + 1/4 x 1/1)."""
    own, none, grid = sample([0.5, 0.7], [0.6, 0.5]), sample([0.4], [0.4, 0.3]), sample([0.8], [0.8, 0.8])
    share, drawn, seeds = share_closed(own, none, grid, 0.0004, 1)
    assert share == pytest.approx(0.5)
    assert drawn == pytest.approx(np.var([0.5, 0.4], ddof=1))
    assert seeds == pytest.approx(0.0004 / 0.16 * (1 / 2 + 1 / 4))
    assert share_closed(own, none, sample([0.405], [0.8, 0.8]), 0.0004, 1) is None  # half a point
    assert share_closed(own, none, sample([0.4], [0.8, 0.8]), 0.0004, 1) is None
    assert share_closed(own, none, sample([0.8], [0.8, 0.2]), 0.0004, 1) is None
