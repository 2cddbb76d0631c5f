"""Whether there is what a run asks for: devices here, and other nodes where someone starts processes on them."""

import os
from collections.abc import Mapping

import torch

GPUS = ("gpu", "cuda")
LAUNCHED = (
    "LOCAL_RANK",
    "SLURM_NTASKS",
    "OMPI_COMM_WORLD_SIZE",
    "JSM_NAMESPACE_SIZE",
)  # torchrun, srun, MPI, LSF
SHARING = 4  # processes that may share a core, to try a distributed run without GPUs
BY_HAND = ("MASTER_ADDR", "NODE_RANK")  # what Lightning goes by where a user starts a process on each node


def require_devices(
    accelerator: str, *, devices: int, num_nodes: int = 1, environment: Mapping[str, str] = os.environ
) -> None:
    """Raise ValueError if this machine has fewer devices, or no one would start processes on other nodes.

    Where a launcher has started this process, the number of processes is what Lightning holds against it.
    """
    gpus = torch.cuda.device_count()
    if accelerator in GPUS and not gpus:
        raise ValueError(f"trainer.accelerator={accelerator}: no GPU is here; take auto or cpu")
    if any(name in environment for name in LAUNCHED):
        return
    if num_nodes > 1 and not all(name in environment for name in BY_HAND):
        raise ValueError(
            f"num_nodes={num_nodes}, but nothing starts processes on other nodes: start this with torchrun or srun on "
            "each of them (docs/distributed.md), sweep with hydra/launcher=slurm, or leave num_nodes at 1"
        )
    cores = os.cpu_count() or 1
    on_gpu = bool(gpus) and accelerator != "cpu"
    most, kind = (gpus, "GPUs") if on_gpu else (SHARING * cores, f"places: {cores} cores for {SHARING} processes each")
    if devices > most:
        raise ValueError(f"devices={devices}, this machine has {most} {kind}; lower devices")
