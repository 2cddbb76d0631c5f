"""W&B runs read back from their files, with no account and no network; a run's restarts are merged into one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

from fastfcn.tracking.identity import fragment_time
from fastfcn.tracking.keys import RESUMED_AT, STEP
from fastfcn.tracking.records import read_records


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

    def media_path(self, relative: str) -> Path:
        """Return the file of a logged image, mask or table. Raises FileNotFoundError if no fragment holds it."""
        for folder in reversed(self.folders):
            path = folder / "files" / relative
            if path.is_file():
                return path
        raise FileNotFoundError(f"{relative} of run {self.id} is in none of {', '.join(map(str, self.folders))}")


def find_run_files(roots: Iterable[Path]) -> list[Path]:
    """Return the `.wandb` files below `roots`, oldest first. Raises FileNotFoundError for a root that is not there."""
    files: dict[Path, Path] = {}
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"{root} does not exist")
        found = [root] if root.suffix == ".wandb" else root.rglob("run-*.wandb")
        files |= {path.resolve(): path for path in found}
    return sorted(files.values(), key=lambda path: (fragment_time(path.parent), path))


def read_runs(roots: Iterable[Path]) -> list[OfflineRun]:
    """Read all runs below `roots`, sorted by group and name. Fragments with the same id are one run."""
    runs: dict[str, OfflineRun] = {}
    for path in find_run_files(roots):
        fragment = read_fragment(path)
        if fragment is not None:
            before = runs.get(fragment.id)
            runs[fragment.id] = fragment if before is None else merge(before, fragment)
    return sorted(runs.values(), key=lambda run: (run.group, run.name, run.id))


def read_fragment(path: Path) -> OfflineRun | None:
    """Read one `.wandb` file; None if it does not hold so much as the run's description."""
    run: OfflineRun | None = None
    for record in read_records(path):
        if record.WhichOneof("record_type") == "run":
            run = run or OfflineRun(record.run.run_id, folders=[path.parent])
            _describe(run, record)
        elif run is not None:
            _add(run, record)
    return run


def merge(before: OfflineRun, after: OfflineRun) -> OfflineRun:
    """Join a run and its continuation: rows that were trained again after a kill come from the continuation."""
    rows = before.history
    first = after.config.get(RESUMED_AT, next((row[STEP] for row in after.history if STEP in row), None))
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


def _describe(run: OfflineRun, record: Record) -> None:
    described = record.run
    run.name, run.project, run.group = described.display_name, described.project, described.run_group
    run.job_type, run.tags = described.job_type, tuple(described.tags)
    _update(run.config, described.config.update)


def _add(run: OfflineRun, record: Record) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "config":
        _update(run.config, record.config.update)
    elif kind == "summary":
        _update(run.summary, record.summary.update)
    elif kind == "exit":
        run.exit_code = record.exit.exit_code
    elif kind == "history":
        row: dict[str, Any] = {}
        _update(row, record.history.item)
        row.setdefault("_step", record.history.step.num)
        run.history.append(row)
        run.summary |= {key: value for key, value in row.items() if key != "_step"}


def _update(into: dict[str, Any], items: Iterable[Any]) -> None:
    for item in items:
        keys = list(item.nested_key) or [item.key]
        node = into
        for key in keys[:-1]:
            child = node.get(key)
            node[key] = dict(child) if isinstance(child, Mapping) else {}
            node = node[key]
        node[keys[-1]] = json.loads(item.value_json)
