"""One job from start to end, on the machine that trains it; nothing that happens to it is raised to its launcher."""

import fcntl
import os
import re
import signal
import socket
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from fastfcn.stopping import PREEMPTED, STOP_SIGNALS
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.process import Ending, run_to_its_end
from fastfcn.sweeping.status import State, Status, read_status, write_status

REASON = 300  # characters
TAIL = 20_000  # bytes of a log in which the reason is looked for
LOCK = ".lock"
POLL_SECONDS = 1.0


def run_job(
    job: Job, environment: Mapping[str, str] | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Status:
    """Run a job that is not done yet, record it in its folder, and return how it ended.

    A job that another sweep is running is waited for; it runs again only if that leaves no result. `environment` is
    added to the cleaned one of this process. Only KeyboardInterrupt and the like pass through.
    """
    try:
        with _alone(job.folder, should_stop) as alone:
            if not alone:
                return _over(job, "failed", "stopped while another sweep was running it")
            if job.result.exists():  # that sweep's record stays
                return _over(job, "done", "")
            return _recorded(job, environment or {}, should_stop)
    except OSError as error:
        return _over(job, "failed", str(error))


def is_busy(folder: Path) -> bool:
    """Tell whether another process is running the job of this folder."""
    if not (folder / LOCK).exists():
        return False
    with (folder / LOCK).open("r+") as file:
        return not _locked(file)


@contextmanager
def _alone(folder: Path, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Hold the folder's lock, once no other process has it; yield False if told to stop before."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        while not (alone := _locked(file)) and not should_stop():
            time.sleep(POLL_SECONDS)
        yield alone


def _locked(file: IO[str]) -> bool:
    """Lock a file until it is closed; return False if another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _over(job: Job, state: State, reason: str) -> Status:
    return Status(state, job.launch, reason, ended=time.time())


def _recorded(job: Job, environment: Mapping[str, str], should_stop: Callable[[], bool]) -> Status:
    """Run a job and keep its status.json."""
    before = read_status(job.folder)
    status = Status(
        state="running",
        launch=job.launch,
        attempt=1 if before is None else before.attempt + 1,
        host=socket.gethostname(),
        started=time.time(),
    )
    write_status(job.folder, status)
    try:
        status = _attempt(job, status, environment, should_stop)
    except BaseException:
        status = replace(status, state="preempted", reason="stopped with its sweep")
        raise
    finally:
        status = replace(status, ended=time.time())
        write_status(job.folder, status)
    return status


def _attempt(job: Job, status: Status, environment: Mapping[str, str], should_stop: Callable[[], bool]) -> Status:
    begin = job.log.stat().st_size if job.log.exists() else 0
    ending = run_to_its_end(
        job.command(),
        log=job.log,
        environment={**job.environment(), **environment},
        directory=job.directory,
        timeout=None if job.timeout is None else 60 * job.timeout,
        should_stop=should_stop,
    )
    state, reason = judge(ending, done=job.result.exists(), said=log_tail(job.log, begin), timeout=job.timeout)
    return replace(status, state=state, reason=reason)


def judge(ending: Ending, *, done: bool, said: str, timeout: float | None) -> tuple[State, str]:
    """Return a state and its reason from how a process ended, whether a result is there, and what it printed last."""
    if done:
        return "done", ""
    if ending.timed_out:
        return "failed", f"killed at its timeout of {timeout:g} minutes"
    if ending.code == PREEMPTED:
        return "preempted", "stopped after saving a checkpoint"
    if ending.stopped or -ending.code in STOP_SIGNALS:
        return "preempted", "stopped"
    if ending.code == 0:
        return "failed", "exit code 0 but no result.json"
    if ending.code < 0:
        name = signal.Signals(-ending.code).name
        return "failed", f"killed by {name}{_rank(said) or _killer(name)}"
    return "failed", last_words(said) or f"exit code {ending.code}"


def _rank(said: str) -> str:
    """Name the process of a distributed job whose end made Lightning kill the others."""
    found = re.findall(r"Child process with PID (\d+) terminated with code (-?\d+)", said)
    return f": its process {found[-1][0]} had ended with code {found[-1][1]}" if found else ""


def _killer(name: str) -> str:
    return ", as the kernel does when memory runs out" if name == "SIGKILL" else ""


def last_words(said: str) -> str:
    """Return the line of a log that tells best why it ends."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    return textwrap.shorten((errors or raised or lines or [""])[-1], REASON)


def log_tail(log: Path, begin: int) -> str:
    """Read the end of what was printed since the log was `begin` bytes long."""
    try:
        with log.open("rb") as file:
            file.seek(max(begin, os.fstat(file.fileno()).st_size - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
