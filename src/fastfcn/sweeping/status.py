"""How far a job is, told by files in its folder, so that any process on any machine can look."""

import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from fastfcn.files import write_atomically
from fastfcn.reading import open_regular, read_bytes
from fastfcn.reporting.schema import RESULT, read_result
from fastfcn.tracking.keys import BEST_METRIC

TAIL = 100_000
STATUS_BYTES = 100_000
State = Literal["queued", "running", "done", "failed", "preempted"]


@dataclass(frozen=True)
class Status:
    """What status.json says. Times are seconds since 1970; `launch` names the command whose job this was."""

    state: State
    launch: str
    reason: str = ""
    attempt: int = 1
    host: str = ""
    started: float | None = None
    ended: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come of this attempt."""
        return self.state in ("done", "failed", "preempted")

    @property
    def minutes(self) -> float | None:
        """How long the job ran, or has been running."""
        return None if self.started is None else ((self.ended or time.time()) - self.started) / 60


def read_status(folder: Path) -> Status | None:
    """Read a job's status; None if it has none yet, or none that can be read."""
    try:
        return TypeAdapter(Status).validate_json(read_bytes(folder / "status.json", STATUS_BYTES))
    except (OSError, ValueError):
        return None


def write_status(folder: Path, status: Status) -> None:
    """Replace a job's status."""
    write_atomically(folder / "status.json", (json.dumps(asdict(status), indent=2) + "\n").encode())


@dataclass(frozen=True)
class Progress:
    """The last validated epoch, counted from one, and its mIoU."""

    epoch: int
    miou: float


def read_progress(folder: Path) -> Progress | None:
    """Read how far a training is from its metrics.csv; None before its first validation."""
    try:
        rows = [row for row in csv.DictReader(_head_and_tail(folder / "metrics.csv")) if row.get(BEST_METRIC)]
        return Progress(int(rows[-1]["epoch"]) + 1, float(rows[-1][BEST_METRIC])) if rows else None
    except (OSError, ValueError, KeyError, csv.Error):  # not there, or being written
        return None


def _head_and_tail(path: Path) -> list[str]:
    """Return the first line of a file and the whole lines within its last TAIL bytes: it is read every second."""
    with open_regular(path) as file:
        head = file.readline(TAIL)
        begin = max(len(head), path.stat().st_size - TAIL)
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    return [head.decode(), *(lines if begin == len(head) else lines[1:])]


def read_score(folder: Path) -> float | None:
    """Return the mIoU of a finished job, by its table's protocol where it has one."""
    try:
        return read_result(folder / RESULT).score
    except (OSError, ValueError):
        return None
