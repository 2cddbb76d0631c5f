"""Two nodes, played by two torchrun commands on this machine, train one network."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeping.commands import ROOT, TWO_PROCESSES, sweep_environment
from tests.training.test_repeatability import RUN, column, losses

pytestmark = pytest.mark.slow


def test_two_nodes_give_the_losses_of_two_devices(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    nodes = ("trainer=ddp", "devices=1", "num_nodes=2", "trainer.accelerator=cpu", "recipe.batch_size=2")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={rank}", "--nproc-per-node=1",
             "--master-addr=127.0.0.1", f"--master-port={port}", "src/train.py", *RUN, *nodes,
             f"hydra.run.dir={tmp_path}/nodes"],
            cwd=ROOT, env=sweep_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    said = [process.communicate(timeout=240)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert "effective batch 4 = 2 a process x 2 processes x 1 accumulated" in said[0]
    devices = [sys.executable, "src/train.py", *RUN, *TWO_PROCESSES, f"hydra.run.dir={tmp_path}/devices"]
    subprocess.run(devices, cwd=ROOT, env=sweep_environment(), capture_output=True, timeout=240, check=True)
    assert losses(tmp_path / "nodes") == losses(tmp_path / "devices")
    assert column(tmp_path / "nodes", "val/miou") == column(tmp_path / "devices", "val/miou")
