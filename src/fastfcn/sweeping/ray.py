"""Jobs on Ray, each a task that reserves the CPUs and GPUs of its training."""

import math
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastfcn.optional import require
from fastfcn.options import Count, Name, NotNegative, Positive
from fastfcn.sweeping.backend import Backend
from fastfcn.sweeping.execution import run_job
from fastfcn.sweeping.job import Job, clean_environment
from fastfcn.sweeping.process import GRACE_SECONDS
from fastfcn.sweeping.status import Status

PROBE_SECONDS = 10.0


class RayBackend(Backend):
    """Runs on the cluster at `address`, or on one of this machine; `cpus` and `gpus` are for each process of a job."""

    def __init__(self, *, address: Name | None, cpus: Positive, gpus: NotNegative | None, retries: Count) -> None:
        self.address = address
        self.cpus = cpus
        self.gpus = gpus
        self.retries = retries
        self._resources: dict[str, dict[str, float]] = {}
        self._tasks: dict[str, Any] = {}
        self._running: list[Any] = []

    def check(self, jobs: Sequence[Job]) -> None:
        """Connect, and refuse what no node has: Ray would wait for it forever."""
        self._connect()
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for job in jobs:
            if job.needs.nodes > 1:
                raise ValueError(
                    f"{job.name} needs num_nodes={job.needs.nodes}; with Ray a job trains on one node, take "
                    "hydra/launcher=slurm"
                )
            wants = self._wants(job, nodes)
            if not any(all(node.get(name, 0) >= amount for name, amount in wants.items()) for node in nodes):
                most = {name: max(node.get(name, 0) for node in nodes) for name in wants}
                raise ValueError(
                    f"{job.name} needs {_say(wants)} on one node, the cluster's nodes have at most {_say(most)}; lower "
                    "devices=, hydra.launcher.cpus= or hydra.launcher.gpus="
                )
            self._resources[job.name] = wants

    def start(self, jobs: Sequence[Job]) -> None:
        """Submit a task for each job."""
        import ray

        environment = clean_environment()
        for job in jobs:
            wants = self._resources[job.name]
            task = ray.remote(run_on_worker).options(
                num_cpus=wants["CPU"], num_gpus=wants.get("GPU", 0), max_retries=self.retries, name=job.name
            )
            self._tasks[job.name] = task.remote(job, environment)
        self._running = list(self._tasks.values())

    def wait(self, seconds: float) -> bool:
        """Wait for the tasks."""
        import ray

        _, self._running = ray.wait(self._running, num_returns=len(self._running), timeout=seconds)
        return bool(self._running)

    def stop(self) -> None:
        """Interrupt all tasks, as Ctrl-C would, and give them time to save."""
        import ray

        for task in self._running:
            ray.cancel(task)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._running and self.wait(1.0) and time.monotonic() < deadline:
            pass

    def lost(self, job: Job) -> str | None:
        """Return why the task of a job ended without recording it."""
        import ray

        task = self._tasks.get(job.name)
        if task is None or task in self._running:
            return None
        try:
            status: Status = ray.get(task)
        except ray.exceptions.RayError as error:
            return f"its Ray task ended: {str(error).strip().splitlines()[0]}"
        return status.reason

    def _connect(self) -> None:
        if self.address is None:
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # Ray's word for the loopback interface
            if "RAY_AUTH_MODE" not in os.environ:  # Ray would write a token into the home folder
                os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        else:
            _require_reachable(self.address)
        ray = require("ray", extra="ray", what="hydra/launcher=ray")
        if ray.is_initialized():
            return
        options = {} if self.address is not None else {"include_dashboard": False}
        try:
            ray.init(address=self.address or "local", log_to_driver=False, logging_level="warning", **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ValueError(f"no Ray cluster at hydra.launcher.address={self.address}: {error}") from error

    def _wants(self, job: Job, nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
        gpus = job.needs.gpus_a_node(int(max(node.get("GPU", 0) for node in nodes)))
        a_process = 1 if self.gpus is None else self.gpus
        if a_process > 1 or gpus > 1:  # a fraction shares a GPU between jobs, never between the processes of one
            a_process = math.ceil(a_process)
        return {"CPU": self.cpus * job.needs.processes, **({"GPU": a_process * gpus} if gpus else {})}


def run_on_worker(job: Job, environment: Mapping[str, str]) -> Status:
    """Run a job with a worker's own environment, and what it lacks of the environment of the sweep's command."""
    return run_job(job, {name: value for name, value in environment.items() if name not in os.environ})


def _require_reachable(address: str) -> None:
    """Raise ValueError if nothing listens at HOST:PORT, where Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return  # auto, or an address that Ray has to make sense of
    try:
        socket.create_connection((host, int(port)), PROBE_SECONDS).close()
    except OSError as error:
        raise ValueError(f"no Ray cluster at hydra.launcher.address={address}: {error}") from error


def _say(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}s" for name, amount in resources.items())
