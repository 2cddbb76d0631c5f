"""A sweep from the command that starts it: what is done is skipped, what is missing runs, and all is accounted for."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from fastfcn.sweeping.backend import Backend, status_of
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.progress import SweepTable
from fastfcn.sweeping.status import Status
from fastfcn.sweeping.summary import note_unfinished

REFRESH_SECONDS = 1.0


def run_sweep(jobs: Sequence[Job], backend: Backend, *, title: str) -> list[Status]:
    """Run the jobs that are not done and return how each one ended. Raises ValueError if one could never be served."""
    done = {job.name for job in jobs if job.result.exists()}
    missing = [job for job in jobs if job.name not in done]
    ended: dict[str, Status] = {}

    def look(job: Job) -> Status:
        status = ended.get(job.name) or status_of(job, skipped=job.name in done)
        reason = None if status.over else backend.lost(job)
        if reason is not None:
            latest = status_of(job)  # which it may have written just before it ended
            status = ended[job.name] = latest if latest.over else Status("failed", job.launch, reason)
        return status

    if missing:
        backend.check(missing)
    try:
        with SweepTable(jobs, look, title=title) as table, _stopped_by_sigterm():
            try:
                if missing:
                    backend.start(missing)
                    while backend.wait(REFRESH_SECONDS):
                        table.update()
            except BaseException:
                backend.stop()
                raise
    finally:
        statuses = [look(job) for job in jobs]
        note_unfinished(jobs, statuses)
    return statuses


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that it ends the jobs too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
