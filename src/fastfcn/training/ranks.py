"""Trainings whose processes someone else starts: torchrun, srun."""

import os
from collections.abc import Mapping, Sequence

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


def is_first(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this is the first process of its training, also before Lightning knows."""
    return all(environment.get(name, "0") == "0" for name in RANKS)


def require_common_folder(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Raise ValueError if the processes of one training would each name a folder after the time they start at."""
    by_torchrun = "LOCAL_RANK" in environment
    by_srun = "SLURM_PROCID" in environment and int(environment.get("SLURM_NTASKS", 1)) > 1
    named = any(argument.startswith("hydra.run.dir=") for argument in arguments)
    if (by_torchrun or by_srun) and not named:
        starter = "torchrun" if by_torchrun else "srun"
        raise ValueError(f"{starter} starts several processes, which must share a folder: give hydra.run.dir=PATH")
