"""Processes that torchrun or srun starts share a folder by name."""

import pytest

from fastfcn.training.ranks import require_common_folder


@pytest.mark.parametrize(
    ("environment", "starter"),
    [({"LOCAL_RANK": "0"}, "torchrun"), ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, "srun")],
)
def test_ranks_need_a_folder(environment: dict[str, str], starter: str) -> None:
    with pytest.raises(ValueError, match=f"{starter} starts several processes.*give hydra.run.dir=PATH"):
        require_common_folder(["seed=1"], environment)
    require_common_folder(["seed=1", "hydra.run.dir=x"], environment)


def test_one_process_needs_none() -> None:
    require_common_folder([], {})
    require_common_folder([], {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"})
