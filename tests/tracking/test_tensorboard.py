"""Offline runs as TensorBoard reads them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fastfcn.data.shapes import PALETTE, Shapes
from fastfcn.reporting.pictures import CAPTION, GAP
from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import OfflineRun, read_runs
from fastfcn.tracking.tensorboard import Exporter, options, unique_names, varied_options

NAME = "upsampling/jpu-seed3"


@pytest.fixture(scope="module")
def exported(logged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> EventAccumulator:
    folder = tmp_path_factory.mktemp("tensorboard")
    exporter = Exporter((logged_folder,), folder)
    assert exporter.update() == [NAME]
    assert exporter.update() == [NAME]  # what is written is not written again
    exporter.close()
    return EventAccumulator(str(folder / NAME)).Reload()


def test_curves_are_those_that_were_logged(exported: EventAccumulator, logged: OfflineRun) -> None:
    assert set(exported.Tags()["scalars"]) >= {"val/miou", "val/miou_ss", "train/loss", "grad_norm", "best/miou"}
    assert not {"_timestamp", "epoch", STEP} & set(exported.Tags()["scalars"])
    for key in ("val/miou", "train/loss"):
        ours = [(event.step, event.value) for event in exported.Scalars(key)]
        assert ours == [(line[STEP], pytest.approx(line[key])) for line in logged.history if key in line]
    assert exported.Scalars("val/miou")[0].wall_time == pytest.approx(
        next(line["_timestamp"] for line in logged.history if "val/miou" in line)
    )


def test_pictures_show_image_truth_and_prediction(exported: EventAccumulator) -> None:
    tags = exported.Tags()["images"]
    assert sorted(tags) == [f"val/images/val_0000{place}" for place in (0, 2, 4)]
    events = exported.Images("val/images/val_00002")
    assert [event.step for event in events] == [4, 12, 16]
    shown = np.asarray(Image.open(io.BytesIO(events[-1].encoded_image_string)))
    side = 3 * 64  # enlarged
    truth = np.array(PALETTE, np.uint8)[Shapes(size=64, val_images=5).split("val")[2].mask]
    panel = shown[CAPTION:, side + GAP : 2 * side + GAP]
    np.testing.assert_array_equal(panel, truth.repeat(3, 0).repeat(3, 1))


def test_options_and_results_are_in_the_table_of_hparams(exported: EventAccumulator) -> None:
    content = exported.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"seed" in content
    assert b"row" in content
    assert b"recipe.lr" not in content  # one run differs from no other


def test_what_is_logged_later_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = OfflineRun("a", "row-seed0", history=[{STEP: 0, "loss": 3.0}], config={"row": "row"})
    monkeypatch.setattr("fastfcn.tracking.tensorboard.read_runs", lambda _: [run])
    exporter = Exporter((tmp_path,), tmp_path)
    exporter.update()
    run.history.append({STEP: 1, "loss": 2.0})
    run.summary, run.exit_code = {"best/miou": 0.5}, 0
    exporter.update()
    exporter.close()
    events = EventAccumulator(str(tmp_path / "row-seed0")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(0, 3.0), (1, 2.0)]
    assert events.Scalars("best/miou")[0].value == 0.5


def test_only_options_in_which_runs_differ_are_set_against_results() -> None:
    configs = [{"row": "a", "seed": 0, "recipe": {"lr": lr, "epochs": 5}, "_wandb": {"x": lr}} for lr in (0.1, 0.2)]
    assert varied_options([OfflineRun(str(place), config=each) for place, each in enumerate(configs)]) == {
        "row", "seed", "recipe.lr",
    }  # fmt: skip


def test_runs_of_one_name_are_told_apart() -> None:
    runs = [OfflineRun("a", "x", group="g"), OfflineRun("b", "x", group="g"), OfflineRun("c", "y"), OfflineRun("d")]
    assert unique_names(runs) == ["g/x-a", "g/x-b", "y", "d"]


def test_options_are_flat_and_without_what_is_internal(logged_folder: Path) -> None:
    (run,) = read_runs([logged_folder])
    flat = options(run.config)
    assert flat["recipe.lr"] == 0.01
    assert flat["network.head"] == "encnet"
    assert flat["augmentation.scale"] == "[1, 1]"
    assert not [key for key in flat if key.startswith(("_", "logger", "classes", "palette")) or "_target_" in key]
