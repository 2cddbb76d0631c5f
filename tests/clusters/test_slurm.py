"""Sweeps on a Slurm of this machine: arrays, two tasks a job, preemption, and jobs that vanish."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters.local_slurm import call, install, running_slurm, wait_until
from tests.conftest import TINY_RUN
from tests.sweeping.commands import ROOT, TWO_PROCESSES, run_sweep, status, sweep_command, sweep_environment

pytestmark = pytest.mark.slow

SLURM = ("hydra/launcher=slurm", "hydra.launcher.timeout_min=10", "hydra.launcher.cpus_per_task=1",
         "experiment=upsampling")  # fmt: skip
LONG = "recipe.epochs=60"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a running Slurm of two CPUs."""
    reason = install()
    if reason is not None:
        pytest.skip(reason)
    with running_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield sweep_environment(SLURM_CONF=environment["SLURM_CONF"])


def queue(slurm: dict[str, str]) -> list[str]:
    return call(["squeue", "--noheader", "--array", "--format=%i"], slurm).split()


def trained(folder: Path) -> bool:
    return (folder / "checkpoints" / "last.ckpt").exists()


@pytest.fixture
def started(slurm: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep of one long job, which has begun to train."""
    command = sweep_command(tmp_path / "s", *SLURM, "row=jpu", "seed=0", LONG)
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=slurm, stdout=said, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: trained(tmp_path / "s" / "jpu" / "seed0"), "a checkpoint", seconds=90)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_sweep_of_three(slurm: dict[str, str], tmp_path: Path) -> None:
    ended = run_sweep(tmp_path / "s", *SLURM, "row=none,jpu,fpn", "seed=0", environment=slurm)
    assert ended.code == 0, ended.said
    assert [status(tmp_path / "s" / row / "seed0")["state"] for row in ("none", "jpu", "fpn")] == ["done"] * 3
    assert queue(slurm) == []
    assert ended.said.count("] running") == 3


def test_two_tasks_train_one_network(slurm: dict[str, str], tmp_path: Path) -> None:
    ended = run_sweep(tmp_path / "s", *SLURM, "row=jpu", "seed=0", *TWO_PROCESSES, environment=slurm)
    assert ended.code == 0, ended.said
    job = tmp_path / "s" / "jpu" / "seed0"
    assert "= 2 a process x 2 processes x 1 accumulated" in (job / "job.log").read_text()
    assert "2 processes" in (job / "job.rank1.log").read_text()


def test_the_loss_of_one_of_two_tasks_ends_the_job(slurm: dict[str, str], tmp_path: Path) -> None:
    faults = {**slurm, "FAULTS": sweep_environment({"rank1": "SIGKILL"})["FAULTS"]}
    ended = run_sweep(tmp_path / "s", *SLURM, "row=jpu", "seed=0", LONG, *TWO_PROCESSES, environment=faults)
    assert ended.code == 1
    assert "failed: jpu/seed0: " in ended.said


@pytest.mark.parametrize("how", ["the signal before the time limit", "requeued by an administrator"])
def test_a_preempted_job_is_queued_again_and_resumes(
    how: str, slurm: dict[str, str], started: subprocess.Popen[str], tmp_path: Path
) -> None:
    (number,) = queue(slurm)
    job = tmp_path / "s" / "jpu" / "seed0"
    if how == "requeued by an administrator":
        call(["scontrol", "requeue", number], slurm)
    else:
        call(["scancel", "--signal=USR1", number], slurm)
    assert started.wait(240) == 0, (tmp_path / "said").read_text()
    assert (status(job)["state"], status(job)["attempt"]) == ("done", 2)
    said = (job / "job.log").read_text()
    assert "stopped after step" in said
    saved = int(said.partition("stopped after step ")[2].split(",")[0])
    assert saved > 4
    with (job / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == list(range(240))  # every step of 60 epochs once: what was done before it stopped was not repeated
    assert said.count("epoch 1 step 4 ") == 1


def test_a_job_that_vanishes_without_a_word_is_told(
    slurm: dict[str, str], started: subprocess.Popen[str], tmp_path: Path
) -> None:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        words = process.read_bytes().split(b"\0")
        if b"submitit.core._submit" in words and str(tmp_path).encode() in b" ".join(words) and b"srun" not in words:
            os.kill(int(process.parent.name), signal.SIGKILL)
    assert started.wait(90) == 1
    said = (tmp_path / "said").read_text()
    assert "failed: jpu/seed0: Slurm job" in said
    assert "ended as FAILED" in said
    assert "error: 1 job is not done" in said


def test_the_batch_script_of_the_docs_is_preempted_and_resumes(slurm: dict[str, str], tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    script = (ROOT / "docs" / "distributed.md").read_text().partition("```bash\n")[2].partition("```")[0]
    head, tiny = (
        "--nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --time=10",
        " ".join((*TINY_RUN, *TWO_PROCESSES, LONG)),
    )
    for ours, here in {
        "--nodes=2 --ntasks-per-node=4 --gpus-per-node=4 --cpus-per-task=8 --time=12:00:00": head,
        "srun python": f"srun {sys.executable}",
        "trainer=ddp devices=4 num_nodes=2": tiny,
        "outputs/my_run": str(run_dir),
    }.items():
        assert ours in script
        script = script.replace(ours, here)
    (tmp_path / "batch.sh").write_text(script)
    submitted = subprocess.run(
        ["sbatch", "--parsable", f"--output={tmp_path}/said", str(tmp_path / "batch.sh")],
        cwd=ROOT, env=slurm, capture_output=True, text=True, check=True,
    )  # fmt: skip
    wait_until(lambda: trained(run_dir), "a checkpoint", seconds=90)
    call(["scancel", "--signal=USR1", submitted.stdout.strip()], slurm)
    wait_until((run_dir / "result.json").exists, "the result", seconds=240)
    said = (tmp_path / "said").read_text()
    assert "SIGUSR1: stopped after step" in said
    assert "effective batch 4 = 2 a process x 2 processes x 1 accumulated" in said
    assert json.loads((run_dir / "result.json").read_text())["steps"] == 240


def test_what_the_partition_cannot_give_is_refused(slurm: dict[str, str], tmp_path: Path) -> None:
    for option, message in {
        "hydra.launcher.partition=fast": "hydra.launcher.partition=fast is not one of debug",
        "hydra.launcher.timeout_min=61": "needs 61 minutes (hydra.launcher.timeout_min=), partition debug has at most",
        "devices=3": "needs 3 CPUs a node",
        "num_nodes=2": "needs 2 nodes",
        "trainer.accelerator=gpu": "needs 1 GPUs a node",
    }.items():
        ended = run_sweep(tmp_path / "s", *SLURM, "row=jpu", "seed=0", option, environment=slurm)
        assert ended.code == 1
        assert message in ended.said
    assert queue(slurm) == []
    assert not list(tmp_path.rglob("job.log"))
