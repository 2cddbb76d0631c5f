"""Hydra's sweeper of tune=; Hydra takes plugins from no package but this. The work is in fastfcn.sweeping.tuning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.fastfcn_launchers import SweepLauncher


class RowTuner(Sweeper):
    """Makes `n_trials` trials of every row, `n_jobs` of it at a time, and then its runs with the options of the best.

    `sampler` is Optuna's, `params` are rows and seeds of the table.
    """

    def __init__(self, *, sampler: Any, storage: str, n_trials: int, n_jobs: int, params: Mapping[str, str]) -> None:
        self.sampler = sampler
        self.storage = storage
        self.trials = n_trials
        self.at_once = n_jobs
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        assert isinstance(launcher, SweepLauncher)  # no other launcher can be chosen
        self._launcher = launcher

    def sweep(self, arguments: Sequence[str]) -> None:
        """Search and run, as the only one in the sweep's folder."""
        from fastfcn.sweeping.tuning import open_rows, require_same_search, run_final, run_trials
        from fastfcn.training.lock import alone_in

        launcher = self._launcher
        folder = Path(str(launcher.config.hydra.sweep.dir))
        given = [*(f"{name}={values}" for name, values in self.params.items()), *arguments]
        with alone_in(folder, what="search", option="hydra.sweep.dir="):
            rows = open_rows(launcher, given, sampler=self.sampler, storage=self.storage)
            require_same_search(rows, folder, trials=self.trials)
            run_trials(rows, launcher, trials=self.trials, at_once=self.at_once)
            run_final(rows, launcher, trials=self.trials)
