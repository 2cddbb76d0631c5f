"""One job of a sweep: plain data that any machine with this project and the same file system can run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from fastfcn.literal import literal
from fastfcn.reporting.schema import RESULT
from fastfcn.sweeping.needs import Needs

FOREIGN = ("SLURM_", "SLURMD_", "SUBMITIT_", "PMI_", "PMIX_", "TORCHELASTIC_", "MASTER_")
OURS = {"HYDRA_FULL_ERROR"}  # set for this process alone, see fastfcn.entry
RANKS = {"RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"}


@dataclass(frozen=True)
class Job:
    """A job: `overrides` for `script`, called in `directory`, whose run's folder is `folder`.

    `timeout` is in minutes, `launch` names the command that started it; `resumable` says that the script takes resume=;
    `sweep` is what its runs are called together where no experiment names them.
    """

    name: str
    folder: Path
    script: Path
    directory: Path
    overrides: tuple[str, ...]
    launch: str
    timeout: float | None
    resumable: bool
    needs: Needs
    sweep: str = ""

    @property
    def result(self) -> Path:
        """The file that is written last: a job that has it is done."""
        return self.folder / RESULT

    @property
    def log(self) -> Path:
        """What the job printed, over all attempts."""
        return self.folder / "job.log"

    def command(self) -> list[str]:
        """Return the command of an ordinary run that goes on where an earlier attempt stopped."""
        overrides = [override for override in self.overrides if not override.startswith("hydra.run.dir=")]
        resume = ["resume=auto"] if self.resumable and not any(o.startswith("resume=") for o in overrides) else []
        run_dir = literal([f"hydra.run.dir={self.folder}"])
        return [sys.executable, str(self.script), *overrides, *resume, *run_dir, "hydra.mode=RUN"]

    def environment(self) -> dict[str, str]:
        """Return this process's environment, cleaned, with the group of the job's W&B run unless the user names one."""
        return {"WANDB_RUN_GROUP": self.sweep, **clean_environment()} if self.sweep else clean_environment()


def clean_environment() -> dict[str, str]:
    """Return this process's environment without ranks and schedulers, which would make a job part of another one."""
    return {
        name: value for name, value in os.environ.items() if name not in RANKS | OURS and not name.startswith(FOREIGN)
    }
