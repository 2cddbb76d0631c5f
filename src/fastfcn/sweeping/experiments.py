"""experiments/NAME/sweep.yaml as Hydra's `experiment=NAME row=ROW`: a table is one folder, a row of it one line."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore

from fastfcn.installation import CONF, EXPERIMENTS
from fastfcn.literal import MULTIRUN
from fastfcn.optional import require
from fastfcn.reporting.comparison.experiment import SWEEP, read_sweep

FOLDER = EXPERIMENTS
LAUNCHERS = CONF / "hydra" / "launcher"
CHOICE = re.compile(r"(\+?)(experiment|row|tune|hydra/launcher|hydra/sweeper)=(.*)")
OVERRIDE = re.compile(r"([\w./]+)=(.+)")


@dataclass(frozen=True)
class Experiment:
    """One table. `rows` and `options` (of all its rows) are overrides as on the command line; `protocol` scores it."""

    name: str
    protocol: str
    seeds: tuple[int, ...]
    options: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]


def known_experiments() -> list[str]:
    """Name the tables under experiments/ that have a sweep.yaml."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{SWEEP}"))


def read_experiment(name: str) -> Experiment:
    """Read a table. Raises ValueError if there is none of that name, or its sweep.yaml says what it cannot mean."""
    if name not in known_experiments():
        raise ValueError(f"experiment={name} is no table under experiments/; choose one of {_listed()}")
    path = FOLDER / name / SWEEP
    sweep = read_sweep(path)
    return Experiment(
        name=name,
        protocol=sweep.protocol,
        seeds=sweep.seeds,
        options=_overrides(sweep.options, path),
        rows={row: _overrides(text, path) for row, text in sweep.rows.items()},
    )


def register_experiments(arguments: Sequence[str]) -> None:
    """Make the tables choices of the group `experiment`, and the rows of the one chosen choices of the group `row`.

    What `tune` is given is its one choice. `arguments` are the command line's. Raises ValueError for a choice that
    cannot be meant.
    """
    choices = _choices(arguments)
    store = ConfigStore.instance()
    for group in ("experiment", "row", "tune"):
        store.repo.pop(group, None)  # of a call before this one
    for name in known_experiments():
        store.store(group="experiment", name=name, node={}, package="_global_")
    chosen = choices.get("experiment", "null")
    if chosen == "null":
        return
    experiment = read_experiment(chosen)
    tune = choices.get("tune", "null")
    store.store(group="tune", name=tune, node={}, package="_global_")
    store.store(group="experiment", name=chosen, node=_table_node(experiment, tune), package="_global_")
    for row, overrides in experiment.rows.items():
        store.store(group="row", name=row, node={**_node(overrides), "row": row}, package="_global_")


def require_row(config: Mapping[str, Any]) -> None:
    """Raise ValueError if a table was chosen where one of its rows must be."""
    name = config.get("experiment")
    if name is not None and config.get("row") is None:
        rows = ", ".join(read_experiment(name).rows)
        raise ValueError(f"experiment={name} is a table: add -m to train all its rows, or row= with one of {rows}")


def _choices(arguments: Sequence[str]) -> dict[str, str]:
    """Pick the choices of groups that have rules of their own. Raises ValueError for one that breaks them."""
    choices: dict[str, str] = {}
    for plus, group, value in (match.groups() for match in map(CHOICE.fullmatch, arguments) if match):
        if plus:
            raise ValueError(f"write {group}={value} without the +; experiments are {_listed()}")
        choices[group] = value
    if choices.get("hydra/sweeper") == "optuna":
        raise ValueError(
            "hydra/sweeper=optuna minimises and keeps no record; hydra/sweeper=search is Optuna set up here"
        )
    if choices.get("hydra/sweeper") == "search":
        require("hydra_plugins.hydra_optuna_sweeper", extra="sweeps", what="hydra/sweeper=search")
    launcher = choices.get("hydra/launcher", "local")
    if not (LAUNCHERS / f"{launcher}.yaml").is_file():
        known = ", ".join(sorted(path.stem for path in LAUNCHERS.glob("*.yaml")))
        raise ValueError(f"hydra/launcher={launcher} is none of {known}, which give every job a process of its own")
    experiment = choices.get("experiment", "null")
    if "," in experiment:
        raise ValueError(f"experiment={experiment}: one table a command")
    if experiment == "null" and choices.get("row", "null") != "null":
        raise ValueError(f"row={choices['row']} is a row of a table; add experiment=NAME, one of {_listed()}")
    if choices.get("tune", "null") != "null":
        _require_tunable(choices, arguments)
    return choices


def _require_tunable(choices: Mapping[str, str], arguments: Sequence[str]) -> None:
    tune = choices["tune"]
    if not re.fullmatch(r"[1-9]\d*", tune):
        raise ValueError(f"tune must be a number of trials for each row, 1 or more, got {tune}")
    if choices.get("experiment", "null") == "null":
        raise ValueError(f"tune={tune} is for the rows of a table; add experiment=NAME, one of {_listed()}")
    if MULTIRUN.isdisjoint(arguments):
        raise ValueError(f"tune={tune} makes many trainings of one command: add -m")
    if "hydra/sweeper" in choices:
        raise ValueError(f"tune={tune} searches by itself; leave hydra/sweeper={choices['hydra/sweeper']} out")
    require("hydra_plugins.hydra_optuna_sweeper", extra="sweeps", what="tune=")


def _table_node(experiment: Experiment, tune: str) -> dict[str, Any]:
    """Compose-time content of a table: its options, and all its rows by all its seeds as the sweep, or tuned before."""
    node = _node((f"protocol={experiment.protocol}", *experiment.options))
    sweeper: dict[str, Any] = {
        "params": {"row": ",".join(experiment.rows), "seed": ",".join(map(str, experiment.seeds))}
    }
    name = experiment.name
    if tune != "null":
        node["defaults"].insert(0, {"override /hydra/sweeper": "tune"})
        sweeper["n_trials"], name = int(tune), f"tuned/{name}"
    folder = f"outputs/sweeps/{name}/${{hydra.runtime.choices.data}}"  # stable, so that a rerun resumes
    return {**node, "experiment": experiment.name, "hydra": {"sweeper": sweeper, "sweep": {"dir": folder}}}


def _node(overrides: Sequence[str]) -> dict[str, Any]:
    """Turn overrides into a configuration: choices of a group into its defaults list, values into its tree."""
    defaults: list[Any] = []
    node: dict[str, Any] = {}
    for key, _, text in (override.partition("=") for override in overrides):
        if (CONF / key).is_dir():
            defaults.append({f"override /{key}": yaml.safe_load(text) if text.startswith("[") else text})
            continue
        *parents, leaf = key.split(".")
        place = node
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = yaml.safe_load(text)
    return {"defaults": [*defaults, "_self_"], **node}


def _overrides(text: Any, path: Path) -> tuple[str, ...]:
    overrides = tuple(shlex.split(str(text)))
    for override in overrides:
        if not OVERRIDE.fullmatch(override):
            raise ValueError(f"{path}: {override!r} is no override such as model=encnet_jpu or seed=0")
    return overrides


def _listed() -> str:
    return ", ".join(known_experiments()) or "none"
