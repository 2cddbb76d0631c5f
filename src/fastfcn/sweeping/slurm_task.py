"""What runs on a node of Slurm: a task of a job, one for each of its training processes."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from fastfcn.sweeping.execution import judge, log_tail, run_job
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.process import run_to_its_end
from fastfcn.sweeping.status import Status, write_status

PORTS = (20_000, 20_000)  # first, and how many: the rendezvous of a job's processes lies within


@dataclass(frozen=True)
class Place:
    """Which of a job's processes this task is."""

    rank: int
    local_rank: int
    node: int
    tasks: int
    first_host: str
    job_id: str
    restarts: str

    @classmethod
    def here(cls) -> "Place":
        """Read Slurm's variables."""
        import submitit

        environment = submitit.JobEnvironment()
        return cls(
            rank=environment.global_rank,
            local_rank=environment.local_rank,
            node=environment.node,
            tasks=environment.num_tasks,
            first_host=environment.hostnames[0],
            job_id=environment.raw_job_id,
            restarts=os.environ.get("SLURM_RESTART_COUNT", "0"),
        )

    def environment(self) -> dict[str, str]:
        """Return what tells Lightning its place, as its own launcher would."""
        if self.tasks == 1:
            return {}
        first, count = PORTS
        return {
            "RANK": str(self.rank),
            "LOCAL_RANK": str(self.local_rank),
            "NODE_RANK": str(self.node),
            "WORLD_SIZE": str(self.tasks),
            "MASTER_ADDR": self.first_host,
            "MASTER_PORT": str(first + int(self.job_id) % count),
        }

    def failure(self, job: Job, rank: object) -> Path:
        """Return where process `rank` says, in this attempt, why it failed."""
        return job.folder / f".failed-{self.job_id}-{self.restarts}-{rank}"


class SlurmTask:
    """Called with a job on every one of its nodes: the first task keeps the job's records, the others follow.

    SIGUSR1 and SIGUSR2 (near the time limit) save, queue the job again and end it; SIGTERM (cancelled, or queued again
    by Slurm itself) saves and ends.
    """

    def __init__(self, *, max_attempts: int) -> None:
        self.max_attempts = max_attempts

    def __call__(self, job: Job) -> None:
        """Run one task of `job`. Never raises, for its end is told by files."""
        place = Place.here()
        asked: set[int] = set()

        def note(number: int, _frame: FrameType | None) -> None:
            asked.add(number)

        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, note)
        if place.rank > 0:
            _follow(job, place, asked)
            return
        status = run_job(job, place.environment(), lambda: bool(asked or _failures(job, place)))
        for failure in _failures(job, place):
            status = replace(status, state="failed", reason=failure.read_text())
            write_status(job.folder, status)
            failure.unlink()
        if status.state == "preempted" and asked & {signal.SIGUSR1, signal.SIGUSR2}:
            self._queue_again(job, status, place)

    def _queue_again(self, job: Job, status: Status, place: Place) -> None:
        if status.attempt >= self.max_attempts:
            reason = f"preempted {status.attempt} times (hydra.launcher.max_attempts={self.max_attempts})"
            write_status(job.folder, replace(status, state="failed", reason=reason))
            return
        write_status(job.folder, replace(status, reason="queued again"))
        subprocess.run(["scontrol", "requeue", os.environ.get("SLURM_JOB_ID", place.job_id)], check=False)


def _failures(job: Job, place: Place) -> list[Path]:
    return list(job.folder.glob(place.failure(job, "*").name))


def _follow(job: Job, place: Place, asked: set[int]) -> None:
    """Run another process of a distributed job; only its failure is of interest."""
    log = job.folder / f"job.rank{place.rank}.log"
    job.folder.mkdir(parents=True, exist_ok=True)
    begin = log.stat().st_size if log.exists() else 0
    environment = {**job.environment(), **place.environment()}
    ending = run_to_its_end(
        job.command(), log=log, environment=environment, directory=job.directory, should_stop=lambda: bool(asked)
    )
    state, reason = judge(ending, done=ending.code == 0, said=log_tail(log, begin), timeout=None)
    if state == "failed":
        with suppress(OSError):
            place.failure(job, place.rank).write_text(f"process {place.rank}: {reason}")
