"""Jobs on this machine, several at once, each with GPUs of its own."""

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from fastfcn.options import AtLeastOne
from fastfcn.sweeping.backend import Backend
from fastfcn.sweeping.execution import is_busy, run_job
from fastfcn.sweeping.gpus import lease, visible_gpus
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.status import Status

LEASE_POLL_SECONDS = 1.0


class LocalBackend(Backend):
    """Runs `jobs` at once: by default as many as the GPUs serve, and one on a CPU. `share` jobs may hold one GPU.

    Jobs of most GPUs come first, and smaller ones take what is left: a large one never waits for what small ones give
    back one by one, for where it has to wait, one as large will end.
    """

    def __init__(self, *, jobs: AtLeastOne | None = None, share: AtLeastOne = 1) -> None:
        self.at_once = jobs
        self.share = share
        self.gpus = visible_gpus()
        self._stop = threading.Event()
        self._freed = threading.Condition()
        self._queue: list[Job] = []
        self._ended: dict[Job, Status] = {}
        self._futures: list[Future[None]] = []
        self._pool: ThreadPoolExecutor | None = None

    def check(self, jobs: Sequence[Job]) -> None:
        """Refuse jobs of several nodes, and jobs of more GPUs than there are."""
        for job in jobs:
            if job.needs.nodes > 1:
                raise ValueError(
                    f"{job.name} needs num_nodes={job.needs.nodes}, this is one machine; use hydra/launcher=slurm"
                )
            asked = self._gpus_of(job)
            if asked > len(self.gpus):
                raise ValueError(
                    f"{job.name} needs {asked} GPUs (devices={job.needs.processes}), {len(self.gpus)} are here; "
                    "lower devices=, or train on the CPU with trainer.accelerator=cpu"
                )

    def start(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs for threads, each of which watches over one process at a time."""
        least = min(filter(None, map(self._gpus_of, jobs)), default=0)
        served = self.share * len(self.gpus) // least if least else 1
        workers = min(self.at_once or served, len(jobs))
        threads = str(max((os.cpu_count() or 1) // workers, 1))
        environment = {} if "OMP_NUM_THREADS" in os.environ or workers == 1 else {"OMP_NUM_THREADS": threads}
        self._queue = sorted(jobs, key=self._gpus_of, reverse=True)
        self._pool = ThreadPoolExecutor(workers)
        self._futures = [self._pool.submit(self._serve, environment) for _ in range(workers)]

    def wait(self, seconds: float) -> bool:
        """Wait for the threads. Raises what one of them could not record."""
        finished, running = wait(self._futures, seconds)
        for future in finished:
            future.result()
        return bool(running)

    def stop(self) -> None:
        """Ask the running trainings to save and end, and drop the queued jobs."""
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown()

    def lost(self, job: Job) -> str | None:
        """Return why a job could not even be recorded."""
        status = self._ended.get(job)
        return None if status is None else status.reason

    def _gpus_of(self, job: Job) -> int:
        return job.needs.gpus_a_node(len(self.gpus))

    def _serve(self, environment: Mapping[str, str]) -> None:
        """Run jobs until none is queued."""
        while not self._stop.is_set():
            with ExitStack() as held:
                job, gpus = self._next(held)
                if job is None:
                    return
                visible = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
                self._ended[job] = run_job(job, {**environment, **visible}, self._stop.is_set)
            with self._freed:
                self._freed.notify_all()

    def _next(self, held: ExitStack) -> tuple[Job | None, list[str]]:
        """Wait for a queued job that what is free serves, take it off the queue and have `held` hold its GPUs."""
        with self._freed:
            while self._queue and not self._stop.is_set():
                for job in self._queue:
                    with ExitStack() as tried:
                        lent = lease(self._gpus_of(job), self.gpus, share=self.share)
                        gpus = None if is_busy(job.folder) else tried.enter_context(lent)  # by another sweep
                        if gpus is not None:
                            held.enter_context(tried.pop_all())
                            self._queue.remove(job)
                            return job, gpus
                self._freed.wait(LEASE_POLL_SECONDS)  # other sweeps tell nobody
        return None, []
