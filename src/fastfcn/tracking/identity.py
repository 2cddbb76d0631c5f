"""Which run a training is on a dashboard: the same one after a restart."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOB_TYPE = "train"
ID = re.compile(r"run-[\w-]{1,64}", re.ASCII)  # what W&B takes, as it names its file
LONGEST_TAG = 64  # characters that W&B takes


@dataclass(frozen=True)
class Identity:
    """`id` is None for a run that begins. `row` tells networks apart, runs of one row differ by their seed."""

    id: str | None
    name: str
    row: str
    group: str | None
    tags: tuple[str, ...]


def identify(
    *,
    network: Mapping[str, Any],
    data: str,
    seed: int,
    experiment: str | None,
    row: str | None,
    folders: Sequence[Path],
) -> Identity:
    """Name a run after its table's row, or else after its `network` (as `models.cost.describe` has it).

    `folders` are those that the training may have run in before, the latest first.
    """
    label = row or f"{network['head']}_{network['upsampling']}_os{network['output_stride']}"
    facts = {**network, "data": data, "seed": seed}
    return Identity(
        id=next((known for known in map(last_id, folders) if known), None),
        name=f"{label}-seed{seed}",
        row=label,
        group=experiment,
        tags=tuple(f"{name}={value}"[:LONGEST_TAG] for name, value in facts.items()),
    )


def last_id(run_dir: Path) -> str | None:
    """Return the id of the W&B run that a folder holds; None if it holds none."""
    files = sorted((run_dir / "wandb").glob("*run-*/run-*.wandb"), key=lambda path: fragment_time(path.parent))
    known = [path.stem.removeprefix("run-") for path in files if ID.fullmatch(path.stem)]
    return known[-1] if known else None


def fragment_time(folder: Path) -> str:
    """Return when a fragment was begun, from its folder's name: `run-TIME-ID`, or `offline-run-TIME-ID`."""
    return folder.name.removeprefix("offline-")
