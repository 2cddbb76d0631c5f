"""What the command of a sweep says at its end, and its exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fastfcn.sweeping.job import Job
from fastfcn.sweeping.status import Status

_unfinished: list[tuple[Job, Status]] = []  # of this process's sweep: Hydra hands no failure on to the program


def note_unfinished(jobs: Sequence[Job], statuses: Sequence[Status]) -> None:
    """Remember the jobs that are not done."""
    _unfinished.extend((job, status) for job, status in zip(jobs, statuses, strict=True) if status.state != "done")


def forget_unfinished(folder: Path) -> None:
    """Take the job of a folder off the list: for its sweep it is over."""
    _unfinished[:] = [(job, status) for job, status in _unfinished if job.folder != folder]


def report_jobs() -> None:
    """List the jobs that are not done, each with the reason and its log, and exit with 1 if there are any."""
    unfinished, _unfinished[:] = list(_unfinished), []
    if not unfinished:
        return
    for job, status in unfinished:
        print(f"{status.state}: {job.name}: {status.reason or 'never started'}; see {job.log}", file=sys.stderr)
    jobs = "1 job is" if len(unfinished) == 1 else f"{len(unfinished)} jobs are"
    print(f"error: {jobs} not done (above); the same command repeats or resumes what is missing", file=sys.stderr)
    sys.exit(1)
