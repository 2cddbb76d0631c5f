"""Sweeps of real trainings that raise, are killed, hang, or lose one of their two processes."""

from pathlib import Path

import pytest

from tests.sweeping.commands import TWO_PROCESSES, run_sweep, status, sweep_environment

pytestmark = pytest.mark.slow

LONG = "recipe.epochs=30"  # of four steps, so that a fault strikes in the midst of it


def test_of_four_one_raises_one_is_killed_one_hangs_and_the_fourth_is_done(tmp_path: Path) -> None:
    sweep = ("recipe.lr=-1,0.01,0.011,0.012", LONG, "hydra.launcher.jobs=2")
    faults = sweep_environment({"recipe.lr=0.01": "SIGKILL", "recipe.lr=0.011": "SIGSTOP"})
    folder = tmp_path / "s"
    ended = run_sweep(folder, *sweep, "hydra.launcher.timeout=1.5", environment=faults)
    assert ended.code == 1
    reasons = {"-1": "error: recipe.lr must be positive, got -1", "0.01": "killed by SIGKILL", "0.011": "killed at its"}
    for lr, reason in reasons.items():
        log = folder / f"recipe.lr={lr}" / "job.log"
        assert f"failed: recipe.lr={lr}: {reason}" in ended.said
        assert f"; see {log}\n" in ended.said
        assert log.exists()
    assert "error: 3 jobs are not done" in ended.said
    done = folder / "recipe.lr=0.012"
    assert status(done)["state"] == "done"
    before = (done / "result.json").stat().st_mtime_ns

    again = run_sweep(folder, *sweep, environment=sweep_environment())
    assert again.code == 1  # lr=-1 remains a mistake
    assert "error: 1 job is not done" in again.said
    assert (done / "result.json").stat().st_mtime_ns == before
    assert status(done)["attempt"] == 1
    for lr in ("0.01", "0.011"):
        job = folder / f"recipe.lr={lr}"
        assert (status(job)["state"], status(job)["attempt"]) == ("done", 2)
        assert (job / "job.log").read_text().count("epoch 1 step 4 ") == 1  # resumed, not begun anew


def test_two_processes_in_a_sweep_and_the_loss_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    sweep = ("experiment=upsampling", "row=jpu", "seed=0,1", LONG, *TWO_PROCESSES)
    ended = run_sweep(folder, *sweep, environment=sweep_environment({"rank1": "SIGKILL"}))
    assert ended.code == 1
    assert "error: 2 jobs are not done" in ended.said
    assert status(folder / "jpu" / "seed1")["state"] == "failed"
    ended = run_sweep(folder, *sweep, environment=sweep_environment())
    assert ended.code == 0, ended.said
    for seed in (0, 1):
        job = folder / "jpu" / f"seed{seed}"
        assert (status(job)["state"], status(job)["attempt"]) == ("done", 2)
        assert "= 2 a process x 2 processes x 1 accumulated" in (job / "job.log").read_text()
