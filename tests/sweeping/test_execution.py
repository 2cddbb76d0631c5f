"""A job's record: how it ended and why, in words."""

import fcntl
import json
import signal
import time
from pathlib import Path

import pytest

from fastfcn.stopping import PREEMPTED
from fastfcn.sweeping import execution
from fastfcn.sweeping.backend import status_of
from fastfcn.sweeping.execution import is_busy, judge, last_words, run_job
from fastfcn.sweeping.job import Job, clean_environment
from fastfcn.sweeping.needs import Needs
from fastfcn.sweeping.process import Ending
from fastfcn.sweeping.status import Status, read_progress, read_score, read_status, write_status
from tests.reporting.comparison.synthetic import content

RESULT = """
import pathlib, sys
folder = sys.argv[-2].partition("=")[2].strip(chr(39))
pathlib.Path(folder, "result.json").write_text("{}")
"""


def job_in(folder: Path, program: str = "", **options) -> Job:
    script = folder.parent / f"{folder.name}.py"
    script.write_text(program)
    fields = {"name": folder.name, "folder": folder, "script": script, "directory": folder.parent, "overrides": (),
              "launch": "now", "timeout": None, "resumable": False, "needs": Needs(1, 1, gpus=False)}  # fmt: skip
    return Job(**{**fields, **options})


@pytest.mark.parametrize(
    ("ending", "said", "state", "reason"),
    [
        (Ending(0), "", "failed", "exit code 0 but no result.json"),
        (Ending(1), "warning\nerror: recipe.lr must be positive\nbye", "failed", "error: recipe.lr must be positive"),
        (Ending(1), "Traceback\n  File x\nRuntimeError: no\n\n", "failed", "RuntimeError: no"),
        (Ending(1), "", "failed", "exit code 1"),
        (Ending(-signal.SIGKILL), "", "failed", "killed by SIGKILL, as the kernel does when memory runs out"),
        (
            Ending(-signal.SIGKILL), "Child process with PID 7 terminated with code -11. Forcefully", "failed",
            "killed by SIGKILL: its process 7 had ended with code -11",
        ),
        (Ending(-signal.SIGSEGV), "", "failed", "killed by SIGSEGV"),
        (Ending(-signal.SIGKILL, timed_out=True), "", "failed", "killed at its timeout of 2 minutes"),
        (Ending(PREEMPTED), "", "preempted", "stopped after saving a checkpoint"),
        (Ending(-signal.SIGUSR1), "", "preempted", "stopped"),
        (Ending(-signal.SIGKILL, stopped=True), "", "preempted", "stopped"),
    ],
)  # fmt: skip
def test_an_ending_is_judged(ending: Ending, said: str, state: str, reason: str) -> None:
    assert judge(ending, done=False, said=said, timeout=2) == (state, reason)
    assert judge(ending, done=True, said=said, timeout=2) == ("done", "")


def test_a_long_last_line_is_shortened() -> None:
    assert len(last_words("word " * 1000)) <= 300


def test_a_job_leaves_its_record_and_its_attempts_add_up(tmp_path: Path) -> None:
    job = job_in(tmp_path / "a", "raise RuntimeError('once')")
    assert run_job(job) == read_status(job.folder)
    first = run_job(job)
    assert (first.state, first.reason, first.attempt) == ("failed", "RuntimeError: once", 2)
    assert first.ended is not None
    assert first.minutes is not None
    job.script.write_text(RESULT)
    assert run_job(job).state == "done"
    assert job.log.read_text().count("RuntimeError: once") == 2
    job.script.write_text("raise RuntimeError('never run again')")
    assert run_job(job).state == "done"


def test_a_job_is_not_run_twice_at_once(tmp_path: Path) -> None:
    job = job_in(tmp_path / "a", f"open({str(tmp_path / 'up')!r}, 'w').close(); import time; time.sleep(60)")

    def try_again() -> bool:
        if not (tmp_path / "up").exists():
            return False
        assert is_busy(job.folder)
        assert run_job(job, should_stop=lambda: True).reason == "stopped while another sweep was running it"
        return True

    assert run_job(job, should_stop=try_again).state == "preempted"


@pytest.mark.parametrize("done", [True, False])
def test_a_job_that_another_sweep_runs_is_waited_for(
    done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that it leaves is not made twice; without one the job runs again."""
    monkeypatch.setattr(execution, "POLL_SECONDS", 0.01)
    first, second = (job_in(tmp_path / "a", RESULT, launch=launch) for launch in ("first", "second"))
    first.folder.mkdir()
    lock = (first.folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    def end_the_first() -> bool:  # asked while the second waits
        if done and not lock.closed:
            first.result.write_text("first")
        lock.close()
        return False

    assert run_job(second, should_stop=end_the_first).state == "done"
    assert second.result.read_text() == ("first" if done else "{}")
    record = read_status(second.folder)
    assert record is None if done else record is not None and record.launch == "second"
    assert status_of(first).state == status_of(second).state == "done"


def test_a_job_resumes(tmp_path: Path) -> None:
    job = job_in(tmp_path / "a'b", "", resumable=True, overrides=("seed=1", "hydra.run.dir=elsewhere"))
    assert job.command()[2:] == ["seed=1", "resume=auto", f"hydra.run.dir='{tmp_path}/a\\'b'", "hydra.mode=RUN"]


def test_a_job_is_no_part_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "SLURM_PROCID", "SUBMITIT_EXECUTOR", "KEPT"):
        monkeypatch.setenv(name, "1")
    names = set(clean_environment())
    assert "KEPT" in names
    assert not names & {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "SLURM_PROCID", "SUBMITIT_EXECUTOR"}


def test_progress_and_score_are_read_from_files(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    assert read_score(tmp_path) is None
    assert read_status(tmp_path) is None
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss,val/miou\n0,9,1.5,\n0,9,,0.25\n1,19,1.25,\n")
    progress = read_progress(tmp_path)
    assert progress is not None
    assert (progress.epoch, progress.miou) == (1, 0.25)
    metrics = {"val/miou": 0.5, "val/pixacc": 1, "val/miou_ss": 0.75}
    (tmp_path / "result.json").write_text(json.dumps({**content(), "metrics": metrics}))
    assert read_score(tmp_path) == 0.75
    (tmp_path / "result.json").write_text(json.dumps({"metrics": metrics}))
    assert read_score(tmp_path) is None
    write_status(tmp_path, Status("running", "now"))
    assert read_status(tmp_path) == Status("running", "now")
    (tmp_path / "status.json").write_text('{"state": "dancing", "launch": "now"}')
    assert read_status(tmp_path) is None
    write_status(tmp_path, Status("running", "now", started=time.time() - 60))
    status = read_status(tmp_path)
    assert status is not None
    assert status.minutes == pytest.approx(1, abs=0.1)
