"""Offline runs as TensorBoard reads them."""

import io
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fastfcn.data.shapes import PALETTE, Shapes
from fastfcn.pictures import CAPTION, GAP
from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import OfflineRun, merge, read_runs
from fastfcn.tracking.tensorboard import Exporter, options, unique_names, varied_options

NAME = "upsampling/jpu-seed3"


@pytest.fixture(scope="module")
def exported(logged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> EventAccumulator:
    folder = tmp_path_factory.mktemp("tensorboard")
    exporter = Exporter((logged_folder,), folder)
    exporter.update()
    assert exporter.names == [NAME]
    exporter.update()  # what is written is not written again
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
    assert sorted(tags) == [f"val/predictions/val_0000{place}" for place in (0, 2, 4)]
    shown_events = exported.Images("val/predictions/val_00002")
    assert [event.step for event in shown_events] == [3, 11, 15]
    shown = np.asarray(Image.open(io.BytesIO(shown_events[-1].encoded_image_string)))
    side = 3 * 64  # enlarged
    truth = np.array(PALETTE, np.uint8)[Shapes(size=64, val_images=5).split("val")[2].mask]
    panel = shown[CAPTION:, side + GAP : 2 * side + GAP]
    np.testing.assert_array_equal(panel, truth.repeat(3, 0).repeat(3, 1))


def test_options_and_results_are_in_the_table_of_hparams(exported: EventAccumulator) -> None:
    content = exported.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"seed" in content
    assert b"row" in content
    assert b"recipe.lr" not in content  # one run differs from no other


@pytest.fixture
def exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exporter:
    """An exporter of the runs that a test appends to `runs`, as if they had been read."""
    exporter = Exporter((tmp_path,), tmp_path)
    exporter.runs = []
    counter = itertools.count()
    files = {Path(__file__): None}
    monkeypatch.setattr("fastfcn.tracking.tensorboard.find_run_files", lambda _: files)
    monkeypatch.setattr("fastfcn.tracking.tensorboard.read_runs", lambda *_: exporter.runs)
    seconds = itertools.count(1_000_000_000)  # files are read in the order of the seconds in their names
    clock = SimpleNamespace(time=lambda: next(seconds))
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time", clock)
    update = exporter.update

    def always() -> None:
        exporter._state = {Path(str(next(counter))): (0, 0)}  # the files have changed
        update()

    exporter.update = always
    return exporter


def events(folder: Path, tag: str) -> list[tuple[int, float]]:
    accumulator = EventAccumulator(str(folder / "row-seed0")).Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def test_what_is_logged_later_is_added(exporter: Exporter, tmp_path: Path) -> None:
    run = OfflineRun("a", "row-seed0", history=[{STEP: 0, "loss": 3.0}], config={"row": "row"})
    exporter.runs.append(run)
    exporter.update()
    run.history.append({STEP: 1, "loss": 2.0})
    run.summary, run.exit_code = {"best/miou": 0.5}, 0
    exporter.update()
    assert events(tmp_path, "loss") == [(0, 3.0), (1, 2.0)]
    assert events(tmp_path, "best/miou") == [(0, 0.5)]


def test_a_restart_replaces_what_it_trains_again(exporter: Exporter, tmp_path: Path) -> None:
    """A run that ended by preemption is watched, goes on from step 2, and ends well."""
    rows = [{STEP: step, "loss": 1.0} for step in range(4)]
    before = OfflineRun("a", "row-seed0", history=rows, config={"row": "row"}, exit_code=75, folders=[tmp_path / "1"])
    exporter.runs.append(before)
    exporter.update()
    assert events(tmp_path, "loss") == [(step, 1.0) for step in range(4)]
    after = OfflineRun("a", "row-seed0", history=[{STEP: 2, "loss": 2.0}], folders=[tmp_path / "2"])
    exporter.runs[0] = merge(before, after)
    exporter.update()
    assert events(tmp_path, "loss") == [(0, 1.0), (1, 1.0), (2, 2.0)]
    after.summary, after.exit_code = {"best/miou": 0.25}, 0
    exporter.runs[0] = merge(before, after)
    exporter.update()
    assert events(tmp_path, "best/miou") == [(0, 0.25)]


def test_a_run_that_cannot_be_read_hides_no_other(exporter: Exporter, tmp_path: Path) -> None:
    lost = {STEP: 0, "val/images": {"filenames": ["a.jpg"], "captions": ["a"], "all_masks": [{}]}}
    exporter.runs += [
        OfflineRun("b", "lost", history=[lost], config={"palette": ["#000000"]}),
        OfflineRun("a", "row-seed0", history=[{STEP: 0, "loss": 3.0}]),
    ]
    exporter.update()
    assert exporter.left_out == ["lost: val/images are not described as W&B does"]
    assert events(tmp_path, "loss") == [(0, 3.0)]


def test_only_options_in_which_runs_differ_are_set_against_results() -> None:
    configs = [{"row": "a", "seed": 0, "recipe": {"lr": lr, "epochs": 5}, "_wandb": {"x": lr}} for lr in (0.1, 0.2)]
    assert set(varied_options([OfflineRun(str(place), config=each) for place, each in enumerate(configs)])) == {
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
