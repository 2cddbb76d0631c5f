"""More devices or nodes than there are is said at once; whoever starts processes elsewhere is trusted."""

import os

import pytest
import torch

from fastfcn.machine import LAUNCHED, require_devices

CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("accelerator", "devices", "num_nodes", "message"),
    [
        ("cpu", 4 * CORES + 1, 1, f"devices={4 * CORES + 1}, this machine has {4 * CORES} places: {CORES} cores"),
        ("cpu", 1, 2, "num_nodes=2, but nothing starts processes on other nodes: start this with torchrun or srun"),
        ("auto", 99_999, 1, "devices=99999, this machine has"),
    ],
)
def test_what_is_not_there_is_refused(accelerator: str, devices: int, num_nodes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_devices(accelerator, devices=devices, num_nodes=num_nodes, environment={})


@pytest.mark.skipif(torch.cuda.is_available(), reason="here are GPUs")
@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
def test_a_gpu_that_is_not_there(accelerator: str) -> None:
    with pytest.raises(ValueError, match=f"trainer.accelerator={accelerator}: no GPU is here; take auto or cpu"):
        require_devices(accelerator, devices=1)


def test_as_many_as_there_are_may_be_asked_for() -> None:
    require_devices("cpu", devices=4 * CORES, environment={})


@pytest.mark.parametrize("variable", LAUNCHED)
def test_processes_that_a_launcher_starts_are_its_affair(variable: str) -> None:
    require_devices("cpu", devices=4 * CORES + 1, num_nodes=4, environment={variable: "8"})


def test_nodes_started_by_hand() -> None:
    require_devices("cpu", devices=1, num_nodes=2, environment={"MASTER_ADDR": "node0", "NODE_RANK": "1"})
