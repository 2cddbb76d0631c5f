"""Logging never blocks, prompts or mixes runs."""

import csv
from pathlib import Path

import pytest
import wandb

from fastfcn.tracking.identity import identify, last_id
from fastfcn.tracking.logging import Logging, RunLogger, csv_logger
from fastfcn.tracking.offline import read_runs
from tests.conftest import TINY_RUN

NETWORK = {"backbone": "tu-resnet18", "output_stride": 8, "upsampling": "none", "head": "psp"}


@pytest.mark.slow  # several trainings
def test_every_training_in_a_process_is_an_offline_run_of_its_own(tmp_path: Path, script, monkeypatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second"):
        script("train", *TINY_RUN, "recipe.epochs=1", "logger=offline", f"hydra.run.dir={tmp_path / name}")
    first, second = (last_id(tmp_path / name) for name in ("first", "second"))
    assert first != second
    assert None not in (first, second)
    assert not (Path.cwd() / "wandb").exists()


def test_a_run_is_named_by_its_row_and_seed() -> None:
    known = {"network": NETWORK, "data": "camvid", "seed": 2, "folders": ()}
    identity = identify(experiment="heads", row="psp_dilated", **known)
    assert (identity.name, identity.row, identity.group) == ("psp_dilated-seed2", "psp_dilated", "heads")
    assert identity.tags == (
        "backbone=tu-resnet18", "output_stride=8", "upsampling=none", "head=psp", "data=camvid", "seed=2",
    )  # fmt: skip
    assert identify(experiment=None, row=None, **known).name == "psp_none_os8-seed2"


def test_tags_are_no_longer_than_wandb_takes() -> None:
    long = {**NETWORK, "backbone": "tu-" + "x" * 80}
    tags = identify(network=long, data="shapes", seed=0, experiment=None, row=None, folders=()).tags
    assert max(map(len, tags)) == 64


def test_the_latest_fragment_tells_the_id_online_or_offline(tmp_path: Path) -> None:
    assert last_id(tmp_path) is None
    for name in ("offline-run-20260101_100000-aaa", "run-20260102_100000-bbb", "offline-run-20251231_100000-ccc"):
        folder = tmp_path / "wandb" / name
        folder.mkdir(parents=True)
        (folder / f"run-{name[-3:]}.wandb").touch()
    assert last_id(tmp_path) == "bbb"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("logger.mode=onlin", "logger.mode=onlin does not fit"),
        ("logger.images=-1", "logger.images must be 0 or more"),
        ("logger.images_every=0", "logger.images_every must be 1 or more"),
    ],
)
def test_wrong_options_are_refused(option: str, reason: str, fails, tmp_path: Path) -> None:
    assert reason in fails("train", *TINY_RUN, option, f"hydra.run.dir={tmp_path}")


def test_a_resumed_run_keeps_its_earlier_rows(tmp_path: Path) -> None:
    first = csv_logger(tmp_path, resume_step=None)
    for step in range(6):
        first.log_metrics({"loss": float(step)}, step=step)
    first.save()
    resumed = csv_logger(tmp_path, resume_step=4)  # steps 4 and 5 were lost with the process
    resumed.log_metrics({"loss": 40.0, "speed": 1.0}, step=4)
    resumed.save()
    with (tmp_path / "metrics.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [0, 1, 2, 3, 40]


def test_a_fresh_run_in_an_old_folder_starts_over(tmp_path: Path) -> None:
    csv_logger(tmp_path, resume_step=None).log_metrics({"loss": 1.0}, step=0)
    (tmp_path / "metrics.csv").write_text("step,loss\n7,0.5\n")
    csv_logger(tmp_path, resume_step=None)
    assert not (tmp_path / "metrics.csv").exists()


def test_the_file_of_metrics_is_whole_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is opened by a restart or gains a column: killed before the last moment, the old one is there."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "metrics.csv"
    first = csv_logger(tmp_path, resume_step=None)
    first.log_metrics({"loss": 1.0}, step=0)
    first.save()
    before = path.read_text()
    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        csv_logger(tmp_path, resume_step=1)
    first.log_metrics({"val/miou": 0.5}, step=1)
    with pytest.raises(KeyboardInterrupt):
        first.save()
    assert path.read_text() == before


def test_a_last_row_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("loss,step\n1.5,0\n1.25,1\n1.125,1")
    csv_logger(tmp_path, resume_step=12)
    assert (tmp_path / "metrics.csv").read_text().split() == ["loss,step", "1.5,0", "1.25,1"]


def test_a_damaged_file_of_metrics_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"\x00\xff\n")
    resumed = csv_logger(tmp_path, resume_step=4)
    assert "metrics.csv.old1, and its rows are left out" in caplog.text
    resumed.log_metrics({"loss": 1.0}, step=4)
    resumed.save()
    assert (tmp_path / "metrics.csv.old1").read_bytes() == b"\x00\xff\n"
    assert (tmp_path / "metrics.csv").read_text().split() == ["loss,step", "1.0,4"]


def test_a_run_without_a_table_takes_its_sweeps_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_GROUP", "rates")
    wandb.teardown()  # it reads the environment once
    options = Logging("offline", "tests", None, images=0, images_every=1, checkpoint=False)
    for experiment, group in ((None, "rates"), ("heads", "heads")):
        identity = identify(network=NETWORK, data="shapes", seed=0, experiment=experiment, row=None, folders=())
        logger = RunLogger(options, tmp_path / group, config={}, identity=identity)
        logger.log_metrics({"loss": 1.0}, step=0)
        logger.close(0)
        wandb.teardown()
        assert [run.group for run in read_runs([tmp_path / group])] == [group]
