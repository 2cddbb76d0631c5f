"""Jobs on Slurm: one element of an array each, watched through squeue, which needs no accounting database."""

import getpass
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import with_config
from typing_extensions import TypedDict

from fastfcn.fitting import OPEN, require_fitting
from fastfcn.optional import require
from fastfcn.options import AtLeastOne, Count, Name, Positive
from fastfcn.sweeping.backend import Backend, status_of
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.needs import Needs
from fastfcn.sweeping.partition import Partition, read_partition, slurm
from fastfcn.sweeping.process import GRACE_SECONDS
from fastfcn.sweeping.slurm_task import SlurmTask

POLL_SECONDS = 2.0
SUBMISSION_SECONDS = 30.0  # in which squeue may not list a new job yet
FILE_SYSTEM_SECONDS = 15.0  # in which one machine may not see what another has written


@with_config(OPEN)
class Parameters(TypedDict, total=False):
    """What submitit is given, as far as conf/hydra/launcher/slurm.yaml has it."""

    partition: Name | None
    timeout_min: AtLeastOne
    cpus_per_task: AtLeastOne
    mem_gb: Positive | None
    signal_delay_s: Count
    array_parallelism: AtLeastOne
    setup: list[str]
    additional_parameters: dict[str, Any]


class SlurmBackend(Backend):
    """Submits with submitit; `parameters` are its own, see conf/hydra/launcher/slurm.yaml. Logs of Slurm: `folder`."""

    def __init__(
        self, *, folder: Path, max_attempts: AtLeastOne, gpus_per_node: Count | None, **parameters: Any
    ) -> None:
        require_fitting(parameters, Parameters, "hydra.launcher")
        self.folder = folder
        self.max_attempts = max_attempts
        self.gpus_per_node = gpus_per_node
        self.parameters = {key: value for key, value in parameters.items() if value is not None}
        self._partition: Partition | None = None
        self._ids: dict[Job, str] = {}
        self._gone: dict[Job, float] = {}
        self._left: set[str] = set()
        self._unseen: set[str] = set()
        self._submitted = 0.0

    def check(self, jobs: Sequence[Job]) -> None:
        """Refuse what the partition could never give."""
        require("submitit", extra="sweeps", what="hydra/launcher=slurm")
        self._partition = read_partition(self.parameters.get("partition"))
        for job in jobs:
            self._partition.require(
                job.name,
                nodes=job.needs.nodes,
                cpus=job.needs.processes * int(self.parameters.get("cpus_per_task", 1)),
                gpus=self._gpus(job.needs),
                minutes=int(self.parameters["timeout_min"]),
                memory_gb=float(self.parameters.get("mem_gb", 0)),
            )

    def start(self, jobs: Sequence[Job]) -> None:
        """Submit one array for all jobs of the same needs."""
        import submitit

        for needs in dict.fromkeys(job.needs for job in jobs):
            alike = [job for job in jobs if job.needs == needs]
            executor = submitit.SlurmExecutor(folder=self.folder / "%j")
            executor.update_parameters(**self._sbatch(needs))
            task = SlurmTask(max_attempts=self.max_attempts)
            submitted = executor.map_array(task, alike)
            self._ids |= {job: each.job_id for job, each in zip(alike, submitted, strict=True)}
        self._left, self._unseen = set(self._ids.values()), set(self._ids.values())
        self._submitted = time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Look into the queue, at most once a few seconds."""
        time.sleep(max(seconds, POLL_SECONDS))
        listed = queued_ids()
        if listed is not None:
            fresh = time.monotonic() - self._submitted < SUBMISSION_SECONDS
            self._left &= listed | (self._unseen if fresh else set())
            self._unseen -= listed
        for job in self._ids.keys() - self._gone.keys():
            if self._ids[job] not in self._left:
                self._gone[job] = time.monotonic()
        return not all(map(self._settled, self._ids))

    def stop(self) -> None:
        """Cancel all jobs; Slurm's SIGTERM lets them save a checkpoint."""
        if self._left:
            slurm("scancel", *self._left)
            deadline = time.monotonic() + GRACE_SECONDS
            while self.wait(POLL_SECONDS) and time.monotonic() < deadline:
                pass

    def lost(self, job: Job) -> str | None:
        """Return what Slurm says of a job that left the queue without a word."""
        if job not in self._ids or not self._settled(job):
            return None
        number = self._ids[job]
        told = slurm("scontrol", "show", "job", number, "--oneliner") or ""
        facts = dict(word.split("=", 1) for word in told.split() if "=" in word)
        state = facts.get("JobState", "gone")
        return f"Slurm job {number} ended as {state}, see {self.folder / number}"

    def _settled(self, job: Job) -> bool:
        """Whether a job has left the queue, and what it wrote has had the time to come through the file system."""
        gone = self._gone.get(job)
        return gone is not None and (status_of(job).over or time.monotonic() - gone > FILE_SYSTEM_SECONDS)

    def _gpus(self, needs: Needs) -> int:
        assert self._partition is not None
        return needs.gpus_a_node(self._partition.gpus) if self.gpus_per_node is None else self.gpus_per_node

    def _sbatch(self, needs: Needs) -> Mapping[str, Any]:
        more = {"requeue": True, **self.parameters.get("additional_parameters", {})}
        names = {"timeout_min": "time", "mem_gb": "mem"}
        given = {names.get(key, key): value for key, value in self.parameters.items()}
        if "mem" in given:
            given["mem"] = f"{given['mem']}GB"
        return {
            **given,
            "job_name": "fastfcn",
            "nodes": needs.nodes,
            "ntasks_per_node": needs.processes,
            "gpus_per_node": self._gpus(needs) or None,
            "additional_parameters": more,
            "stderr_to_stdout": True,
        }


def queued_ids() -> set[str] | None:
    """Return the numbers of this user's jobs in the queue, elements of arrays one by one; None if Slurm is silent."""
    told = slurm("squeue", "--noheader", "--array", "--user", getpass.getuser(), "--format", "%i")
    return None if told is None else set(told.split())
