"""Run one command as a process group of its own, and leave nothing of it behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastfcn.sweeping.orphans import VARIABLE

POLL_SECONDS = 0.2
GRACE_SECONDS = 90.0  # to reach the end of a step and write a checkpoint


@dataclass(frozen=True)
class Ending:
    """How a process ended: `code` as subprocess gives it, negative for a signal; `timed_out` and `stopped` if by us."""

    code: int
    timed_out: bool = False
    stopped: bool = False


def run_to_its_end(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    timeout: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    grace: float = GRACE_SECONDS,
) -> Ending:
    """Run `command` in a new session, its output appended to `log`; its whole group is dead on return.

    After `timeout` seconds it is killed. Once `should_stop` says so, or on an exception such as KeyboardInterrupt, it
    gets SIGTERM and `grace` seconds to save a checkpoint.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**environment, VARIABLE: str(os.getpid())},
            start_new_session=True,
        )
    try:
        return _wait(process, timeout, should_stop, grace)
    except BaseException:
        with suppress(KeyboardInterrupt):  # a second one does not wait
            _stop(process, grace)
        raise
    finally:
        with suppress(ProcessLookupError, PermissionError):  # of a group that is gone
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(
    process: subprocess.Popen[bytes], timeout: float | None, should_stop: Callable[[], bool], grace: float
) -> Ending:
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    while True:
        with suppress(subprocess.TimeoutExpired):
            return Ending(process.wait(POLL_SECONDS))
        if time.monotonic() > deadline:
            return Ending(-signal.SIGKILL, timed_out=True)
        if should_stop():
            return Ending(_stop(process, grace), stopped=True)


def _stop(process: subprocess.Popen[bytes], grace: float) -> int:
    """Ask the first process to stop, which tells the others of its group; return its exit code."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        return process.wait(grace)
    return -signal.SIGKILL
