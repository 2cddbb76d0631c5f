"""W&B runs read back from their files, with no account and no network; a run's restarts are merged into one."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

from fastfcn.reading import find
from fastfcn.tracking.identity import fragment_time
from fastfcn.tracking.keys import RESUMED_AT, STEP
from fastfcn.tracking.records import read_records

MOST_VALUES = 4_000_000  # of a file: 200,000 rows of 12 metrics have three quarters of them
MOST_STEPS = 2**53
DEEPEST = 16  # levels of nested values


@dataclass
class OfflineRun:
    """One training.

    `history` holds the logged rows in order, each with `_step`; `summary` the last values and what was set by hand;
    nested keys are joined by dots in neither. `folders` are the run's fragments, oldest first: media paths are relative
    to the `files` of the fragment that logged them, as `media_path` finds out. `exit_code` is None while the run is
    going on, or if it was killed.
    """

    id: str
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    folders: list[Path] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, as far as the configuration has any."""
        names = self.config.get("classes")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def media_path(self, relative: str) -> Path:
        """Return the file of a logged image, mask or table. Raises FileNotFoundError if no fragment holds it.

        What lies elsewhere, by `..`, as an absolute path or behind a link, is held by none.
        """
        for folder in reversed(self.folders):
            files = os.path.realpath(folder / "files")
            path = Path(os.path.realpath(folder / "files" / relative)) if "\0" not in relative else folder
            if path.is_relative_to(files) and path.is_file():
                return path
        raise FileNotFoundError(f"{relative} of run {self.id} is in none of {', '.join(map(str, self.folders))}")


def find_run_files(roots: Iterable[Path]) -> list[Path]:
    """Return the `.wandb` files below `roots`, oldest first. Raises FileNotFoundError for a root that is not there."""
    files: dict[str, Path] = {}
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"{root} does not exist")
        files |= {os.path.realpath(root): root} if root.suffix == ".wandb" else find(root, "run-*.wandb")
    return sorted(files.values(), key=lambda path: (fragment_time(path.parent), path))


def read_runs(roots: Iterable[Path], left_out: list[str] | None = None) -> list[OfflineRun]:
    """Read all runs below `roots`, sorted by group and name. Fragments with the same id are one run.

    With `left_out`, a line on each file that cannot be read is added there; without, the first is raised: ValueError or
    OSError.
    """
    runs: dict[str, OfflineRun] = {}
    for path in find_run_files(roots):
        try:
            fragment = read_fragment(path)
        except (ValueError, OSError) as error:
            if left_out is None:
                raise
            left_out.append(str(error))
            continue
        if fragment is not None:
            before = runs.get(fragment.id)
            runs[fragment.id] = fragment if before is None else merge(before, fragment)
    return sorted(runs.values(), key=lambda run: (run.group, run.name, run.id))


def read_fragment(path: Path) -> OfflineRun | None:
    """Read one `.wandb` file; None if it does not hold so much as the run's description."""
    run: OfflineRun | None = None
    values = Values()
    try:
        for record in read_records(path):
            values.spend(1)
            if record.WhichOneof("record_type") == "run":
                run = run or OfflineRun(record.run.run_id, folders=[path.parent])
                _describe(run, record, values)
            elif run is not None:
                _add(run, record, values)
    except (TypeError, ValueError) as error:
        text = str(error)
        raise ValueError(text if str(path) in text else f"{path} is damaged: {text}") from error
    return run


def merge(before: OfflineRun, after: OfflineRun) -> OfflineRun:
    """Join a run and its continuation: rows that were trained again after a kill come from the continuation."""
    rows = before.history
    resumed_at = after.config.get(RESUMED_AT)
    first = resumed_at if whole_number(resumed_at) else next((row[STEP] for row in after.history if STEP in row), None)
    if first is not None:
        rows = _rows_before(rows, first)
    return OfflineRun(
        before.id,
        after.name,
        after.project,
        after.group,
        after.job_type,
        after.tags,
        {**before.config, **after.config},
        [*rows, *after.history],
        {**before.summary, **after.summary},
        after.exit_code,
        [*before.folders, *after.folders],
    )


def _rows_before(rows: Sequence[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    return [row for row in rows if row.get(STEP, -1) < step]


def _describe(run: OfflineRun, record: Record, values: "Values") -> None:
    described = record.run
    run.name, run.project, run.group = described.display_name, described.project, described.run_group
    run.job_type, run.tags = described.job_type, tuple(described.tags)
    values.update(run.config, described.config.update)


def _add(run: OfflineRun, record: Record, values: "Values") -> None:
    kind = record.WhichOneof("record_type")
    if kind == "config":
        values.update(run.config, record.config.update)
    elif kind == "summary":
        values.update(run.summary, record.summary.update)
    elif kind == "exit":
        run.exit_code = record.exit.exit_code
    elif kind == "history":
        row: dict[str, Any] = {}
        values.update(row, record.history.item)
        row.setdefault("_step", record.history.step.num)
        if not whole_number(row.get(STEP, 0)):
            del row[STEP]
        run.history.append(row)
        run.summary |= {key: value for key, value in row.items() if key != "_step"}


def whole_number(value: Any) -> bool:
    """Tell whether a value can count steps."""
    return type(value) is int and 0 <= value < MOST_STEPS


@dataclass
class Values:
    """Values as W&B writes them, JSON by JSON, within limits for a file."""

    left: int = MOST_VALUES

    def spend(self, count: int) -> None:
        """Count values. Raises ValueError if a file holds too many."""
        self.left -= count
        if self.left < 0:
            raise ValueError(f"more than {MOST_VALUES:,} values")

    def update(self, into: dict[str, Any], items: Iterable[Any]) -> None:
        """Put items under their keys. Raises ValueError for what no run of this project logs."""
        for item in items:
            text = item.value_json
            keys = list(item.nested_key) or [item.key]
            self.spend(1 + (len(text) // 2 if text[:1] in ("[", "{") else 0))
            if len(keys) > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} deep")
            node = into
            for key in keys[:-1]:
                child = node.get(key)
                node[key] = dict(child) if isinstance(child, Mapping) else {}
                node = node[key]
            node[keys[-1]] = _plain(text)


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
        _require_shallow(value, DEEPEST)
    except RecursionError as error:
        raise ValueError(f"nested more than {DEEPEST} deep") from error
    return value


def _require_shallow(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"nested more than {DEEPEST} deep")
        for child in value.values() if isinstance(value, dict) else value:
            _require_shallow(child, depth - 1)
