"""Where jobs run: the interface of this machine, Slurm and Ray."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from fastfcn.sweeping.job import Job
from fastfcn.sweeping.status import Status, read_status


class Backend(ABC):
    """Runs jobs by `execution.run_job`, which records every state in the jobs' folders."""

    @abstractmethod
    def check(self, jobs: Sequence[Job]) -> None:
        """Raise ValueError, before anything is queued, if a job could never be served."""

    @abstractmethod
    def start(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs and return."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`; return whether a job is still to end."""

    @abstractmethod
    def stop(self) -> None:
        """End all jobs: those that run get the time to save a checkpoint."""

    def lost(self, job: Job) -> str | None:
        """Return why a job that has not recorded its end never will; None while it may."""
        return None


def status_of(job: Job, *, skipped: bool = False) -> Status:
    """Read the state of a job in this launch; `skipped` ones were done before."""
    if skipped:
        return Status(state="done", launch=job.launch, reason="done before")
    status = read_status(job.folder)
    if status is not None and status.launch == job.launch:
        return status
    if job.result.exists():
        return Status(state="done", launch=job.launch, reason="done by another sweep")
    return Status(state="queued", launch=job.launch)
