"""What a run has logged, read back from its offline files."""

from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image

from fastfcn.data.shapes import Shapes
from fastfcn.tracking import keys
from fastfcn.tracking.offline import OfflineRun, read_runs
from fastfcn.tracking.records import read_records
from tests.conftest import TINY_RUN
from tests.tracking.checks import assert_complete


def test_a_run_has_all_that_dashboards_show(logged: OfflineRun) -> None:
    assert_complete(logged, size=64, row="jpu", seed=3)


def test_the_same_images_are_shown_every_few_epochs_and_at_the_end(logged: OfflineRun) -> None:
    lines = [line for line in logged.history if keys.IMAGES in line]
    assert [line["epoch"] for line in lines] == [0, 2, 3]
    assert [line[keys.STEP] for line in lines] == [
        line[keys.STEP] for line in logged.history if "val/miou" in line and line["epoch"] != 1
    ]
    assert [line[keys.IMAGES]["captions"] for line in lines] == [["val_00000", "val_00002", "val_00004"]] * 3
    truth = Shapes(size=64, val_images=5).split("val")[2]
    masks = lines[-1][keys.IMAGES]["all_masks"][1]
    np.testing.assert_array_equal(np.asarray(Image.open(logged.media_path(masks["truth"]["path"]))), truth.mask)
    image = np.asarray(Image.open(logged.media_path(lines[-1][keys.IMAGES]["filenames"][1])), np.float64)
    assert np.abs(image - truth.image).mean() < 12  # JPEG; black or inverted pictures are far from that


def test_the_checkpoint_is_an_artifact_where_asked(logged_folder: Path, logged: OfflineRun) -> None:
    best = (logged_folder / "checkpoints" / "best.ckpt").stat().st_size
    staged = [path.stat().st_size for path in (logged_folder / "wandb" / "artifacts" / "staging").iterdir()]
    assert best in staged


def test_nothing_lies_outside_the_run(logged_folder: Path) -> None:
    assert {path.name for path in logged_folder.iterdir()} == {
        ".hydra", "checkpoints", "config.yaml", "metrics.csv", "per_image.npz", "result.json", "train.log", "wandb",
    }  # fmt: skip


def test_metrics_csv_has_the_telemetry(logged_folder: Path) -> None:
    header = (logged_folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert set(header) >= {"grad_norm", "data_wait", "images/s", "peak_memory_gb"}


def test_a_failed_run_says_so(tmp_path: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastfcn.training.train.conclude", _full_disk)
    fails("train", *TINY_RUN, "recipe.epochs=1", "logger=offline", f"hydra.run.dir={tmp_path / 'run'}")
    wandb.teardown()  # waits for the file
    (run,) = read_runs([tmp_path])
    assert run.exit_code == 1
    assert (run.name, run.config["row"], run.group) == ("encnet_jpu_os32-seed0", "encnet_jpu_os32", "")


def _full_disk(*_: object) -> None:
    raise OSError("no space left on device")


def test_validation_is_drawn_over_epochs_and_the_rest_over_steps(logged: OfflineRun) -> None:
    """What W&B is told of axes; the pattern with more letters wins."""
    (folder,) = logged.folders
    (file,) = folder.glob("*.wandb")
    records = [record.metric for record in read_records(file) if record.WhichOneof("record_type") == "metric"]
    axes = {metric.glob_name or metric.name: metric.step_metric for metric in records}
    assert axes == {keys.STEP: "", "*": keys.STEP, "epoch": "", "val/*": "epoch"}
