"""Hydra's launchers and a sweeper of this suite; Hydra takes plugins from no package but this.

The work is in fastfcn.sweeping.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
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
        searched: Sequence[str] | None = None,
    ) -> Sequence[JobReturn]:
        """Run the jobs that are not done; a job's value is its mIoU, None if it failed. `searched`: as planned."""
        from fastfcn.sweeping.plan import plan_jobs
        from fastfcn.sweeping.status import read_score
        from fastfcn.sweeping.sweep import run_sweep

        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        loader = self.hydra_context.config_loader
        jobs = plan_jobs(loader, self.config, job_overrides, timeout=self.timeout, searched=searched)
        run_sweep(jobs, self.backend(), title=str(self.config.hydra.sweep.dir))
        ended = [JobReturn(overrides=each.overrides, working_dir=str(each.folder)) for each in jobs]
        for job in ended:
            job.status, job.return_value = JobStatus.COMPLETED, read_score(Path(str(job.working_dir)))
        return ended

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


class RowTuner(Sweeper):
    """`tune=`: makes `n_trials` trials of every row, `n_jobs` at a time, then its runs with the options of the best.

    `sampler` is Optuna's, `params` are rows and seeds of the table.
    """

    def __init__(self, *, sampler: Any, storage: str, n_trials: int, n_jobs: int, params: Mapping[str, str]) -> None:
        self.sampler, self.storage, self.params = sampler, storage, params
        self.trials, self.at_once = n_trials, n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed."""
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> None:
        """Search and run, as the only one in the sweep's folder."""
        from fastfcn.sweeping.tuning import open_rows, require_same_search, run_final, run_trials
        from fastfcn.training.lock import alone_in

        launcher = self.launcher
        assert isinstance(launcher, SweepLauncher)  # no other can be chosen
        folder = Path(str(launcher.config.hydra.sweep.dir))
        given = [*(f"{name}={values}" for name, values in self.params.items()), *arguments]
        with alone_in(folder, what="search", option="hydra.sweep.dir="):
            rows = open_rows(launcher, given, sampler=self.sampler, storage=self.storage)
            require_same_search(rows, folder, trials=self.trials)
            run_trials(rows, launcher, trials=self.trials, at_once=self.at_once)
            run_final(rows, launcher, trials=self.trials)
