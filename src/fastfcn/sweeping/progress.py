"""The state of a sweep, drawn live on a terminal and told line by line elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from fastfcn.sweeping.job import Job
from fastfcn.sweeping.status import Status, read_progress, read_score

COLOURS = {"queued": "dim", "running": "cyan", "done": "green", "failed": "red", "preempted": "yellow"}
HEARTBEAT_SECONDS = 60.0  # between two lines of a running job where no table can be drawn


class SweepTable:
    """Shows jobs as `status_of` tells them; used as a context, and updated as often as its owner likes."""

    def __init__(self, jobs: Sequence[Job], status_of: Callable[[Job], Status], *, title: str) -> None:
        self.jobs = jobs
        self.status_of = status_of
        self.title = title
        self.console = Console(emoji=False)
        self._live = Live(console=self.console, refresh_per_second=4) if self.console.is_terminal else None
        self._told: dict[str, tuple[object, float]] = {}

    def __enter__(self) -> "SweepTable":
        """Begin to draw."""
        if self._live is not None:
            self._live.start()
        self.update()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draw the last state and leave it on the screen."""
        self.update()
        if self._live is not None:
            self._live.stop()

    def update(self) -> None:
        """Read and show the state of all jobs."""
        rows = [(job, self.status_of(job)) for job in self.jobs]
        if self._live is not None:
            self._live.update(draw_table(self.title, rows))
            return
        for job, status in rows:
            self._tell(job, status)

    def _tell(self, job: Job, status: Status) -> None:
        epoch, miou = _progress(job, status)
        fact, now = (status.state, epoch, miou), time.monotonic()
        last, when = self._told.get(job.name, (None, 0.0))
        if fact == last or (status.state == "queued" and last is None):
            return
        changed = not isinstance(last, tuple) or last[0] != status.state
        if changed or now - when > HEARTBEAT_SECONDS:
            self._told[job.name] = (fact, now)
            words = [status.state, job.name, f"epoch {epoch}" if epoch else "", f"mIoU {miou}" if miou else ""]
            print(f"[{time.strftime('%H:%M:%S')}]", *filter(None, words), status.reason, flush=True)


def draw_table(title: str, rows: Sequence[tuple[Job, Status]]) -> Table:
    """Draw the state of every job."""
    counts = Counter(status.state for _, status in rows)
    table = Table(title=escape(f"{title}: " + ", ".join(f"{count} {state}" for state, count in counts.items())))
    for column in ("job", "state", "epoch", "mIoU", "minutes", ""):
        table.add_column(column, justify="left" if column in ("job", "state", "") else "right")
    for job, status in rows:
        minutes = "" if status.minutes is None else f"{status.minutes:.1f}"
        state = f"[{COLOURS[status.state]}]{status.state}[/]"
        table.add_row(escape(job.name), state, *_progress(job, status), minutes, escape(status.reason))
    return table


def _progress(job: Job, status: Status) -> tuple[str, str]:
    """Return epoch and mIoU in percent as text: the score of a job that is done, the last validation of another."""
    progress = read_progress(job.folder) if status.state != "queued" else None
    score = read_score(job.folder) if status.state == "done" else None
    miou = score if score is not None else None if progress is None else progress.miou
    return "" if progress is None else str(progress.epoch), "" if miou is None else f"{100 * miou:.2f}"
