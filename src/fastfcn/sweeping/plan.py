"""From a sweep's overrides to its jobs: each composed, given a folder, and held against what that folder has."""

import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from fastfcn.composition import GIVEN, TARGET, check_keys, plain
from fastfcn.installation import CONF
from fastfcn.reading import read_yaml
from fastfcn.reporting.comparison.runs import TRIALS
from fastfcn.sameness import first_difference, flatten
from fastfcn.sweeping.experiments import read_experiment
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.naming import folder_name, split_override, varied_keys
from fastfcn.sweeping.needs import needs_of

LONGEST_GROUP = 120  # characters; W&B takes 128


@dataclass(frozen=True)
class Planned:
    """A job and its whole configuration."""

    job: Job
    config: Mapping[str, Any]


def plan_jobs(
    loader: ConfigLoader,
    master: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    *,
    timeout: float | None,
    searched: Sequence[str] | None = None,
) -> list[Job]:
    """Compose every job of a sweep and find its folder, named by what is swept or differs.

    Where options were `searched`, trials have them in their names and a folder apart; the runs that follow (none
    searched) are named by row and seed alone.
    Raises ValueError if a job's configuration does not fit, a row sets what no part has, two jobs would share a folder,
    or a folder holds the files of another configuration.
    """
    swept = _swept_keys(loader, master)
    pairs = [dict(map(split_override, overrides)) for overrides in job_overrides]
    varied = varied_keys(swept, pairs) if searched is None else [*searched]
    launch = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    configs = [loader.load_sweep_config(master, list(overrides)) for overrides in job_overrides]
    first = {config.get("row"): index for index, config in reversed([*enumerate(configs)])}
    for index in sorted(first.values()):
        _require_row_options(loader, master, job_overrides[index], configs[index])
    folders = [Path(str(config.hydra.sweep.dir)).absolute() for config in configs]
    if len(set(folders)) > 1:  # a table's folder has the name of the data
        varied = [key for key in varied if key != "data"]
    common = Path(os.path.commonpath(folders))
    planned = []
    for overrides, pair, config, folder in zip(job_overrides, pairs, configs, folders, strict=True):
        own = folder / (TRIALS if searched else "") / folder_name(pair, varied)
        job = Job(
            name=str(own.relative_to(common)),
            folder=own,
            script=Path(sys.argv[0]).absolute(),
            directory=Path.cwd(),
            overrides=tuple(overrides),
            launch=launch,
            timeout=timeout,
            resumable="resume" in config,
            needs=needs_of(config),
            sweep=sweep_name(folder),
        )
        planned.append(Planned(job, _without_hydra(config)))
    _require_own_folders([each.job for each in planned])
    for each in planned:
        require_same_configuration(each)
    return [each.job for each in planned]


def _require_row_options(
    loader: ConfigLoader, master: DictConfig, overrides: Sequence[str], config: DictConfig
) -> None:
    """Raise ValueError if the row of a job sets what no part has; a row's keys are added without Hydra's question.

    Those that conf/ has are not asked about; for others the constructors are imported, which takes seconds.
    """
    row = config.get("row")
    asked = () if row is None else read_experiment(config.experiment).rows[row]
    choices = [each for each in asked if (CONF / each.partition("=")[0]).is_dir()]
    keys = [each.partition("=")[0] for each in asked if each not in choices]
    if not keys:
        return
    bare = loader.load_sweep_config(master, [*choices, *(each for each in overrides if each != f"row={row}")])
    for part in sorted({key.partition(".")[0] for key in keys if OmegaConf.select(bare, key, default=bare) is bare}):
        node = config[part]
        try:
            if not OmegaConf.is_dict(node):
                raise ValueError(f"{part} is not an option")
            if TARGET in node:
                check_keys(plain(node), part, given=GIVEN.get(part, ()))
        except ValueError as error:
            raise ValueError(f"row={row} of experiment={config.experiment}: {error}") from error


def sweep_name(folder: Path) -> str:
    """Name a sweep after its folder; the one that is named by day and time has both."""
    by_time = re.fullmatch(r"\d\d-\d\d-\d\d", folder.name)
    return (f"{folder.parent.name} {folder.name}" if by_time else folder.name)[:LONGEST_GROUP]


def _swept_keys(loader: ConfigLoader, master: DictConfig) -> set[str]:
    parser = OverridesParser.create(config_loader=loader)
    given = parser.parse_overrides(list(master.hydra.overrides.task))
    swept = {override.key_or_group for override in given if override.is_sweep_override()}
    return swept | {str(key).lstrip("+") for key in master.hydra.sweeper.get("params") or ()}


def _without_hydra(config: DictConfig) -> dict[str, Any]:
    return plain(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))


def _require_own_folders(jobs: Iterable[Job]) -> None:
    owners: dict[Path, Job] = {}
    for job in jobs:
        other = owners.setdefault(job.folder, job)
        if other is not job:
            raise ValueError(
                f"two jobs would share {job.folder}: {' '.join(other.overrides)} and {' '.join(job.overrides)}"
            )


def require_same_configuration(planned: Planned) -> None:
    """Raise ValueError, naming an option, if the job's folder was begun with other options.

    An option that either side does not know, because the code has gained or lost it since, is no difference.
    """
    file = planned.job.folder / "config.yaml"
    if not file.exists():
        return
    content = read_yaml(file)
    before, now = flatten(content if isinstance(content, Mapping) else {}), flatten(planned.config)
    known = before.keys() & now.keys()
    if key := first_difference(*({name: each[name] for name in known} for each in (before, now))):
        raise ValueError(
            f"{planned.job.folder} was made with {key}={before[key]}, now it is {now[key]}; repeat the options of "
            "its sweep, give another hydra.sweep.dir=, or remove that folder"
        )
