"""Every row of a table at its own best: as many trials of each by Optuna, then its runs with the options of the best.

Trials have a seed of their own and are scored on the validation split, whatever the runs have.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
from optuna.distributions import BaseDistribution, LogUniformDistribution
from optuna.trial import FrozenTrial, TrialState

from fastfcn.sweeping.naming import split_override
from fastfcn.sweeping.status import read_status
from fastfcn.sweeping.summary import forget_unfinished

if TYPE_CHECKING:
    from hydra_plugins.fastfcn_launchers import SweepLauncher

SEED = 1000  # of the trials: no run of the table is one that was chosen for its luck
SEARCHED = "recipe.lr"  # unless the command line says what
REACH = 10.0  # from a tenth of what is configured to ten times that
LISTED = ("row", "seed")  # what may have several values
DIVERGED = "begin again with a lower recipe.lr"  # in the reason of a training whose loss is no longer finite

Space = dict[str, BaseDistribution]


@dataclass
class Row:
    """A row: its `runs` as overrides but for what is searched, its study, and which trials this command has made."""

    name: str
    runs: list[list[str]]
    space: Space
    study: optuna.Study
    made: set[int] = field(default_factory=set)

    @property
    def known(self) -> list[FrozenTrial]:
        """All trials, but for one of a command that was killed while it asked for it."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.params]

    @property
    def over(self) -> set[int]:
        """Which trials have a score, or never will."""
        return {trial.number for trial in self.known if trial.state.is_finished()}

    def next_trials(self, trials: int, at_once: int) -> list[tuple[int, dict[str, Any]]]:
        """Return at first those of earlier commands, which may lack something, and then up to `at_once` new ones."""
        known = self.known
        again = [each for each in known if each.state != TrialState.FAIL and each.number not in self.made]
        room = min(at_once - sum(not each.state.is_finished() for each in again), trials - len(known))
        asked = [(each.number, each.params) for each in (*again, *(self.study.ask(self.space) for _ in range(room)))]
        self.made |= {number for number, _ in asked}
        return asked

    def trial(self, params: dict[str, Any]) -> tuple[str, ...]:
        """Return the overrides of a trial."""
        kept = (each for each in self.runs[0] if split_override(each)[0] not in ("seed", "score_split"))
        return *kept, f"seed={SEED}", "score_split=null", *_options(params)

    def record(self, number: int, made: JobReturn) -> None:
        """Keep how a trial ended; one that failed for another reason than its options stays open for a rerun."""
        folder = Path(str(made.working_dir))
        status = read_status(folder)
        if number in self.over:
            return
        if made.return_value is not None:
            self.study.tell(number, made.return_value)
        elif status is not None and (status.state == "done" or DIVERGED in status.reason):
            self.study.tell(number, state=TrialState.FAIL)
            forget_unfinished(folder)


def open_rows(launcher: "SweepLauncher", given: Sequence[str], *, sampler: Any, storage: str) -> list[Row]:
    """Read rows, seeds and what to search from overrides. Raises ValueError for what cannot be meant."""
    if not isinstance(sampler, optuna.samplers.BaseSampler):
        raise ValueError("tune= takes no hydra/sweeper/sampler=grid; choose tpe, random or cmaes")
    optuna.logging.set_verbosity(logging.WARNING)
    loader = launcher.hydra_context.config_loader
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(given))
    varied = filter(_varies, overrides)
    space: Space = {each.key_or_group: create_optuna_distribution_from_override(each) for each in varied}
    fixed = [each for each in overrides if each.key_or_group not in {"tune", *space}]
    runs: dict[str, list[list[str]]] = {}
    for run in BasicSweeper.split_arguments(fixed, None)[0]:
        runs.setdefault(dict(map(split_override, run))["row"], []).append(run)
    rates = {name: loader.load_sweep_config(launcher.config, own[0]).recipe.lr for name, own in runs.items()}
    kept = optuna.storages.get_storage(storage)
    rows = []
    for name, rate in rates.items():
        study = optuna.create_study(
            storage=kept,
            study_name=name,
            sampler=copy.deepcopy(sampler),  # which begins with the same draws for every row
            direction="maximize",
            load_if_exists=True,
        )
        around: Space = {SEARCHED: LogUniformDistribution(rate / REACH, rate * REACH)}
        own = [[each for each in run if space or split_override(each)[0] != SEARCHED] for run in runs[name]]
        rows.append(Row(name, own, space or around, study))
    return rows


def _varies(override: Override) -> bool:
    """Tell what is searched (intervals, and what is written as choice(A,B) or range(A,B)) from values."""
    if not override.is_sweep_override() or override.key_or_group in LISTED:
        return False
    value = override.value()
    if isinstance(value, ChoiceSweep) and value.simple_form:
        raise ValueError(
            f"{override.input_line} is a list, and with tune= only row and seed may be lists; what is to be searched "
            f"is an interval, '{SEARCHED}=tag(log,interval(0.001,0.1))', or choice(A,B)"
        )
    return True


def require_same_search(rows: Sequence[Row], folder: Path, *, trials: int) -> None:
    """Raise ValueError if the folder has trials of another space, more of them, or runs that follow from fewer."""
    for row in rows:
        known, settled = row.known, any((folder / row.name).glob("*/config.yaml"))
        if other := next((str(each.distributions) for each in known if each.distributions != row.space), None):
            raise ValueError(
                f"{folder} has trials of row {row.name} within {other}, now it is {row.space}; repeat the options of "
                "its search, or give another hydra.sweep.dir="
            )
        if len(known) > trials or (settled and len(known) != trials):
            raise ValueError(
                f"{folder} has {len(known)} trials of row {row.name}{' and runs after them' if settled else ''}, not "
                f"{trials}; repeat the tune= that made them, or give another hydra.sweep.dir="
            )


def run_trials(rows: Sequence[Row], launcher: "SweepLauncher", *, trials: int, at_once: int) -> None:
    """Make the trials of all rows, side by side."""
    while asked := [(row, *each) for row in rows for each in row.next_trials(trials, at_once)]:
        jobs = [row.trial(params) for row, _, params in asked]
        once = list(dict.fromkeys(jobs))  # a small space gives the same options again
        made = dict(zip(once, launcher.launch(once, 0, searched=list(rows[0].space)), strict=True))
        for (row, number, _), job in zip(asked, jobs, strict=True):
            row.record(number, made[job])


def run_final(rows: Sequence[Row], launcher: "SweepLauncher", *, trials: int) -> None:
    """Make the runs of the rows whose trials are over. Raises ValueError, at the end, for those without any score."""
    runs, lost = [], []
    for row in rows:
        scores = [each.value for each in row.known if each.value is not None]
        best = _options(row.study.best_params) if scores else []
        said = f"; the best: {' '.join(best)}, mIoU {100 * max(scores):.2f}" if scores else ""
        print(
            f"row {row.name}: {len(row.over)} of {trials} trials are over, {len(scores)} have a score{said}", flush=True
        )
        if len(row.over) == trials:
            runs += [[*run, *best] for run in row.runs if scores]
            lost += [] if scores else [row.name]
    if runs:
        launcher.launch(runs, 0, searched=())
    if lost:
        raise ValueError(
            f"no trial of row {', '.join(lost)} has a score; search elsewhere, in another hydra.sweep.dir=: "
            f"'{SEARCHED}=tag(log,interval(LOWEST,HIGHEST))'"
        )


def _options(params: dict[str, Any]) -> list[str]:
    return [f"{name}={f'{value:.4g}' if isinstance(value, float) else value}" for name, value in params.items()]
