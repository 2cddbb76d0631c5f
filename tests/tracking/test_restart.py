"""A training that was stopped, killed or moved is one run with one curve."""

import csv
import os
import signal
from pathlib import Path

import pytest
import wandb

from fastfcn.stopping import PREEMPTED
from fastfcn.tracking.identity import last_id
from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import OfflineRun, read_runs
from fastfcn.tracking.records import read_records
from fastfcn.training import conclusion
from fastfcn.training.callbacks import EpochLog
from tests.forking import Zygote
from tests.training import test_repeatability as repeatability

LOGGED = ("logger=offline", "logger.images=1")
RUN = (*repeatability.RUN, *LOGGED)


def assert_whole(run: OfflineRun, run_dir: Path) -> None:
    """Assert that the curve of the merged run is that of metrics.csv."""
    with (run_dir / "metrics.csv").open() as file:
        expected = [(int(row["step"]), float(row["train/loss"])) for row in csv.DictReader(file) if row["train/loss"]]
    ours = [(line[STEP], pytest.approx(line["train/loss"])) for line in run.history if "train/loss" in line]
    assert [step for step, _ in expected] == list(range(12))
    assert expected == ours
    assert run.exit_code == 0
    assert "best/miou" in run.summary


def stop_at_step_6(script, monkeypatch: pytest.MonkeyPatch, run_dir: Path) -> None:
    def signalled(self, trainer, *_) -> None:
        if trainer.global_step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    former = EpochLog.on_train_batch_end
    monkeypatch.setattr(EpochLog, "on_train_batch_end", signalled)
    with pytest.raises(SystemExit):
        script("train", *RUN, f"hydra.run.dir={run_dir}")
    monkeypatch.setattr(EpochLog, "on_train_batch_end", former)
    wandb.teardown()  # waits for the file


def test_stopped_by_a_signal_and_resumed(tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at_step_6(script, monkeypatch, tmp_path)
    (before,) = read_runs([tmp_path])
    assert before.exit_code == PREEMPTED
    kinds = {record.WhichOneof("record_type") for record in read_records(next(tmp_path.rglob("run-*.wandb")))}
    assert "preempting" in kinds
    script("train", *RUN, "resume=auto", f"hydra.run.dir={tmp_path}")
    wandb.teardown()
    (run,) = read_runs([tmp_path])
    assert run.id == before.id
    assert len(run.folders) == 2
    assert_whole(run, tmp_path)


@pytest.mark.slow  # two trainings; the same folder is the usual case
def test_resumed_in_another_folder(tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    stop_at_step_6(script, monkeypatch, old)
    script("train", *RUN, f"resume={old}/checkpoints/last.ckpt", f"hydra.run.dir={new}")
    wandb.teardown()
    (before,), (run,) = read_runs([old]), read_runs([tmp_path])
    assert run.id == before.id
    steps = [line[STEP] for line in run.history if "train/loss" in line]
    assert steps == list(range(12))


@pytest.mark.slow  # two trainings; a stop by a signal is the usual case
def test_killed_in_the_final_scoring_and_resumed(tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    """The restart trains nothing and logs the scores alone: they are joined to the whole curve."""

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    options = (*RUN, "protocol=single_scale", "pictures=0", f"hydra.run.dir={tmp_path}")
    with monkeypatch.context() as patch:
        patch.setattr(conclusion, "build_result", die)
        with pytest.raises(SystemExit):
            script("train", *options)
    wandb.teardown()
    (before,) = read_runs([tmp_path])
    assert not [row for row in before.history if "val/miou_ss" in row]
    script("train", *options, "resume=auto")
    wandb.teardown()
    (run,) = read_runs([tmp_path])
    assert_whole(run, tmp_path)
    assert run.history[: len(before.history)] == before.history
    scores = run.history[len(before.history) :]
    assert [row[STEP] for row in scores] == [12] * len(scores)
    assert len([row for row in scores if "val/miou_ss" in row]) == 1


@pytest.mark.slow
def test_killed_and_resumed(zygote: Zygote, tmp_path: Path, script) -> None:
    repeatability.kill(zygote, tmp_path, *LOGGED, hook="on_train_batch_end", at_step=7, saved_step=6)
    before = last_id(tmp_path)
    script("train", *RUN, "resume=last", f"hydra.run.dir={tmp_path}")
    wandb.teardown()
    (run,) = read_runs([tmp_path])
    assert run.id == before
    assert run.exit_code == 0
    steps = [line[STEP] for line in run.history if "train/loss" in line]
    assert steps == list(range(12))  # also what W&B had not written yet when it was killed
