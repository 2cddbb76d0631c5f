"""Jobs on this machine, several at once, each with GPUs of its own."""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from fastfcn.options import AtLeastOne
from fastfcn.sweeping.backend import Backend
from fastfcn.sweeping.execution import is_busy, run_job
from fastfcn.sweeping.gpus import lease, visible_gpus
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.status import Status

LEASE_POLL_SECONDS = 1.0


class LocalBackend(Backend):
    """Runs `jobs` at once: by default as many as the GPUs serve, and one on a CPU. `share` jobs may hold one GPU."""

    def __init__(self, *, jobs: AtLeastOne | None = None, share: AtLeastOne = 1) -> None:
        self.at_once = jobs
        self.share = share
        self.gpus = visible_gpus()
        self._stop = threading.Event()
        self._futures: dict[Job, Future[Status | None]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def check(self, jobs: Sequence[Job]) -> None:
        """Refuse jobs of several nodes, and jobs of more GPUs than there are."""
        for job in jobs:
            if job.needs.nodes > 1:
                raise ValueError(
                    f"{job.name} needs num_nodes={job.needs.nodes}, this is one machine; use hydra/launcher=slurm"
                )
            asked = job.needs.gpus_a_node(len(self.gpus))
            if asked > len(self.gpus):
                raise ValueError(
                    f"{job.name} needs {asked} GPUs (devices={job.needs.processes}), {len(self.gpus)} are here; "
                    "lower devices=, or train on the CPU with trainer.accelerator=cpu"
                )

    def start(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs for threads, each of which watches over one process."""
        most = max(job.needs.gpus_a_node(len(self.gpus)) for job in jobs)
        served = self.share * len(self.gpus) // most if most else 1
        workers = min(self.at_once or served, len(jobs))
        threads = str(max((os.cpu_count() or 1) // workers, 1))
        environment = {} if "OMP_NUM_THREADS" in os.environ or workers == 1 else {"OMP_NUM_THREADS": threads}
        self._pool = ThreadPoolExecutor(workers)
        self._futures = {job: self._pool.submit(self._run, job, environment) for job in jobs}

    def wait(self, seconds: float) -> bool:
        """Wait for the threads. Raises what one of them could not record."""
        finished, running = wait(self._futures.values(), seconds)
        for future in finished:
            if not future.cancelled():
                future.result()
        return bool(running)

    def stop(self) -> None:
        """Ask the running trainings to save and end, and drop the queued jobs."""
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def lost(self, job: Job) -> str | None:
        """Return why a job could not even be recorded."""
        future = self._futures.get(job)
        status = future.result() if future is not None and future.done() and not future.cancelled() else None
        return None if status is None else status.reason

    def _run(self, job: Job, environment: dict[str, str]) -> Status | None:
        count = job.needs.gpus_a_node(len(self.gpus))
        while not self._stop.is_set():
            if is_busy(job.folder):  # by another sweep: leave the GPUs to it
                time.sleep(LEASE_POLL_SECONDS)
                continue
            with lease(count, self.gpus, share=self.share) as gpus:
                if gpus is not None:
                    visible = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if count else {}
                    return run_job(job, {**environment, **visible}, self._stop.is_set)
            time.sleep(LEASE_POLL_SECONDS)
        return None
