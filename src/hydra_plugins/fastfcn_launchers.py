"""Hydra's launchers of this suite; Hydra takes plugins from no package but this. The work is in fastfcn.sweeping."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from pydantic import with_config
from typing_extensions import TypedDict

from fastfcn.composition import build, plain
from fastfcn.fitting import OPEN, require_fitting
from fastfcn.options import AtLeastOne, Fraction, Positive
from fastfcn.sweeping.backend import Backend


@with_config(OPEN)
class SweeperOptions(TypedDict, total=False):
    """Ranges of Hydra's own sweepers' options."""

    max_batch_size: AtLeastOne | None
    n_trials: AtLeastOne
    n_jobs: AtLeastOne
    max_failure_rate: Fraction


class SweepLauncher(Launcher):
    """Runs every job as a process of its own on the backend at `target`; `timeout` is a job's, in minutes."""

    target: ClassVar[str]

    def __init__(self, *, timeout: float | None = None, **options: Any) -> None:
        require_fitting(timeout, Positive | None, "hydra.launcher.timeout")
        self.timeout = timeout
        self.options: dict[str, Any] = plain(OmegaConf.create(options))

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed."""
        require_fitting(plain(config.hydra.sweeper), SweeperOptions, "hydra.sweeper")
        self.hydra_context = hydra_context
        self.config = config
        Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)  # where a sweeper may keep its records

    def launch(
        self,
        job_overrides: Sequence[Sequence[str]],
        initial_job_idx: int,
        *,
        below: str = "",
        named: Sequence[str] | None = None,
    ) -> Sequence[JobReturn]:
        """Run the jobs that are not done; a job's value is its mIoU, None if it failed. `plan_jobs` has the options."""
        from fastfcn.sweeping.plan import plan_jobs
        from fastfcn.sweeping.status import read_score
        from fastfcn.sweeping.sweep import run_sweep

        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        loader = self.hydra_context.config_loader
        jobs = plan_jobs(loader, self.config, job_overrides, timeout=self.timeout, below=below, named=named)
        run_sweep(jobs, self.backend(), title=str(Path(str(self.config.hydra.sweep.dir), below)))
        return [
            JobReturn(
                overrides=job.overrides,
                working_dir=str(job.folder),
                status=JobStatus.COMPLETED,
                _return_value=read_score(job.folder),
            )
            for job in jobs
        ]

    def backend(self) -> Backend:
        """Build the backend that `options` describe."""
        backend: Backend = build({"_target_": self.target, **self.options}, "hydra.launcher", **self.known())
        return backend

    def known(self) -> dict[str, Any]:
        """Return what a backend needs besides options."""
        return {}


class LocalLauncher(SweepLauncher):
    """`hydra/launcher=local`: this machine."""

    target = "fastfcn.sweeping.local.LocalBackend"


class SlurmLauncher(SweepLauncher):
    """`hydra/launcher=slurm`."""

    target = "fastfcn.sweeping.slurm.SlurmBackend"

    def known(self) -> dict[str, Any]:
        """Return where Slurm's logs go."""
        return {"folder": Path(str(self.config.hydra.sweep.dir)).absolute() / "slurm"}


class RayLauncher(SweepLauncher):
    """`hydra/launcher=ray`."""

    target = "fastfcn.sweeping.ray.RayBackend"
