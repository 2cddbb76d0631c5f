"""Sweeps on Ray: a cluster of the sweep's own, one that runs already, and what neither can serve."""

import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters.local_slurm import wait_until
from tests.sweeping.commands import TWO_PROCESSES, run_sweep, status, sweep_environment

pytestmark = pytest.mark.slow

pytest.importorskip("ray", reason="ray is not installed: pip install -c constraints.txt -e '.[ray]'")
RAY = ("hydra/launcher=ray", "experiment=upsampling")
LONG = "recipe.epochs=30"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def secured() -> dict[str, str]:
    """What the processes of a cluster share: the loopback interface and a secret."""
    return {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@pytest.fixture(scope="module")
def cluster(secured: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running cluster of two CPUs, which listens on the loopback interface alone."""
    port, log = free_port(), tmp_path_factory.mktemp("ray") / "log"
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # paths of sockets are short
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--node-ip-address=127.0.0.1",
               f"--port={port}", "--num-cpus=2", "--num-gpus=0", "--include-dashboard=false", f"--temp-dir={folder}",
               "--disable-usage-stats"]  # fmt: skip
    environment = sweep_environment(**secured)
    del environment["FAULTS"]  # which each command brings along
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "Ray runtime started" in log.read_text(), "Ray to start")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_cluster_of_its_own(tmp_path: Path) -> None:
    ended = run_sweep(tmp_path / "s", *RAY, "row=jpu,none", "seed=0", environment=sweep_environment())
    assert ended.code == 0, ended.said
    assert [status(tmp_path / "s" / row / "seed0")["state"] for row in ("jpu", "none")] == ["done", "done"]


def test_failures_cost_only_themselves_and_a_rerun_completes_them(
    cluster: str, secured: dict[str, str], tmp_path: Path
) -> None:
    sweep = (*RAY, f"hydra.launcher.address={cluster}", "row=jpu", "recipe.lr=-1,0.01,0.011,0.012", "seed=0", LONG)
    faults = sweep_environment({"recipe.lr=0.01": "SIGKILL", "recipe.lr=0.011": "SIGSTOP"}, **secured)
    ended = run_sweep(tmp_path / "s", *sweep, "hydra.launcher.timeout=1.5", environment=faults)
    jobs = {lr: tmp_path / "s" / "jpu" / f"seed0,recipe.lr={lr}" for lr in ("-1", "0.01", "0.011", "0.012")}
    assert ended.code == 1
    assert "error: 3 jobs are not done" in ended.said
    assert [status(job)["state"] for job in jobs.values()] == ["failed", "failed", "failed", "done"]
    again = run_sweep(tmp_path / "s", *sweep, environment=sweep_environment(**secured))
    assert "error: 1 job is not done" in again.said
    assert [status(job)["attempt"] for job in jobs.values()] == [2, 2, 2, 1]
    assert [status(job)["state"] for job in jobs.values()] == ["failed", "done", "done", "done"]


def test_two_processes_and_the_loss_of_one(cluster: str, secured: dict[str, str], tmp_path: Path) -> None:
    address = f"hydra.launcher.address={cluster}"
    sweep = (*RAY, address, "row=jpu,none", "seed=0", LONG, *TWO_PROCESSES)
    ended = run_sweep(tmp_path / "s", *sweep, environment=sweep_environment({"rank1": "SIGKILL"}, **secured))
    assert ended.code == 1
    assert "error: 2 jobs are not done" in ended.said
    ended = run_sweep(tmp_path / "s", *sweep, environment=sweep_environment(**secured))
    assert ended.code == 0, ended.said
    for row in ("jpu", "none"):
        log = (tmp_path / "s" / row / "seed0" / "job.log").read_text()
        assert "= 2 a process x 2 processes x 1 accumulated" in log


def test_what_no_node_has_is_refused(cluster: str, secured: dict[str, str], tmp_path: Path) -> None:
    def refused(address: str, *options: str) -> str:
        one = (*RAY, f"hydra.launcher.address={address}", "row=jpu", "seed=0", *options)
        ended = run_sweep(tmp_path / "s", *one, environment=sweep_environment(**secured))
        assert ended.code == 1
        return ended.said

    most = "on one node, the cluster's nodes have at most 2 CPUs"
    assert f"needs 3 CPUs {most}; lower devices=" in refused(cluster, "devices=3")
    assert f"needs 1 CPUs, 1 GPUs {most}, 0 GPUs" in refused(cluster, "trainer.accelerator=gpu")
    assert "with Ray a job trains on one node" in refused(cluster, "num_nodes=2")
    nowhere = f"127.0.0.1:{free_port()}"
    assert f"no Ray cluster at hydra.launcher.address={nowhere}: " in refused(nowhere)
    assert not list(tmp_path.rglob("job.log"))
