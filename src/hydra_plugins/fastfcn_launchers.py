"""Hydra's launchers of this suite; Hydra takes plugins from no package but this. The work is in fastfcn.sweeping."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from fastfcn.sweeping.backend import Backend


class SweepLauncher(Launcher):
    """Runs every job as a process of its own on the backend of a subclass; `timeout` is a job's, in minutes."""

    def __init__(self, *, timeout: float | None = None, **options: Any) -> None:
        if timeout is not None and timeout <= 0:
            raise ValueError(f"hydra.launcher.timeout must be positive, got {timeout}")
        self.timeout = timeout
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed."""
        self.hydra_context = hydra_context
        self.config = config
        Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)  # where a sweeper may keep its records

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs that are not done; a job's value is its mIoU, None if it failed."""
        from fastfcn.sweeping.plan import plan_jobs
        from fastfcn.sweeping.status import read_score
        from fastfcn.sweeping.sweep import run_sweep

        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        jobs = plan_jobs(self.hydra_context.config_loader, self.config, job_overrides, timeout=self.timeout)
        run_sweep(jobs, self.backend(), title=str(self.config.hydra.sweep.dir))
        return [
            JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED, _return_value=read_score(job.folder))
            for job in jobs
        ]

    @abstractmethod
    def backend(self) -> Backend:
        """Build the backend that `options` describe."""


class LocalLauncher(SweepLauncher):
    """`hydra/launcher=local`: this machine."""

    def backend(self) -> Backend:
        """Build the backend of this machine."""
        from fastfcn.sweeping.local import LocalBackend

        return LocalBackend(**self.options)


class SlurmLauncher(SweepLauncher):
    """`hydra/launcher=slurm`."""

    def backend(self) -> Backend:
        """Build the backend that submits to Slurm."""
        from fastfcn.sweeping.slurm import SlurmBackend

        return SlurmBackend(folder=Path(str(self.config.hydra.sweep.dir)).absolute() / "slurm", **self.options)


class RayLauncher(SweepLauncher):
    """`hydra/launcher=ray`."""

    def backend(self) -> Backend:
        """Build the backend that submits to Ray."""
        from fastfcn.sweeping.ray import RayBackend

        return RayBackend(**self.options)
