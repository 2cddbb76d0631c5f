"""The processes that one command starts end together: where one is killed, the others end, and one of them says so."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import lightning as L
import torch.distributed
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

LAUNCHER = "FASTFCN_LAUNCHER"  # the process id of the first process, in the environment of those it starts
SPEAKER = "1"  # LOCAL_RANK of the one of those that says that the first was killed
LOOK_SECONDS = 0.5
LINK_SECONDS = 5.0  # the system closes the connections of a process before it tells that the process is gone
GRACE_SECONDS = 15.0  # to fail by itself, and close what is open; a process that waits on a GPU for another never does
SILENT = 76  # exit code (EX_PROTOCOL) of a process that has lost another and leaves it to the first to say so
LOST = ("gloo", "Connection closed by peer", "Connection reset by peer", "NCCL")  # in what torch raises then
ADVICE = "if memory ran out, the system did it: lower batch size or workers (a training goes on by resume=auto)"


class ProcessLostError(ValueError):
    """Another process was killed, or cannot be reached."""


def watched(trainer: L.Trainer) -> L.Trainer:
    """Have a trainer that starts processes start them by Launcher."""
    if isinstance(former := trainer.strategy.launcher, _SubprocessScriptLauncher):
        trainer.strategy._launcher = Launcher(former.cluster_environment, former.num_processes, former.num_nodes)
    return trainer


def follow_launcher() -> None:
    """In a process that another one of this command has started, end when that one is gone."""
    if LAUNCHER in os.environ:
        threading.Thread(target=_watch, args=(launcher_lost, threading.Event(), _end_follower), daemon=True).start()


@contextmanager
def ending_together(trainer: L.Trainer) -> Iterator[None]:
    """At an error, end the processes that were started here: without this one they would wait for it forever.

    One that leaves by SystemExit has agreed upon that with the others.
    """
    try:
        yield
    except SystemExit:
        raise
    except BaseException:
        if isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
            trainer.strategy.launcher.kill(signal.SIGKILL)
        raise


class Launcher(_SubprocessScriptLauncher):
    """Lightning's, whose own watch over the processes it starts would kill the first one too, without a word.

    It watches all the time, for a process that waits for another on a GPU does not notice by itself. One that does,
    by a connection that is closed, learns here why it was.
    """

    def launch(self, function: Callable[..., Any], *args: Any, trainer: L.Trainer | None = None, **kwargs: Any) -> Any:
        """Start the other processes, at the first call, and call `function`."""
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            os.environ[LAUNCHER] = str(os.getpid())
            self._call_children_scripts()
            del os.environ[LAUNCHER]
        _set_num_threads_if_needed(num_processes=self.num_processes)
        over = threading.Event()
        if self.procs:
            threading.Thread(target=_watch, args=(self.lost, over, self._end), daemon=True).start()
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if isinstance(error, torch.distributed.DistError) or any(sign in str(error) for sign in LOST):
                self._explain(error)
            raise
        finally:
            over.set()

    def lost(self) -> str | None:
        """Say which process was killed; "" if one has failed, and has said why."""
        for rank, process in enumerate(self.procs, start=1):
            if (code := process.poll()) is not None and code < 0:
                name = signal.Signals(-code).name
                return f"process {rank} of {self.num_processes} was killed by {name}, so all have ended; {ADVICE}"
        return "" if any(process.returncode not in (None, 0, SILENT) for process in self.procs) else None

    def _explain(self, error: RuntimeError) -> NoReturn:
        """Raise why a connection was closed, in the one process that is to say it."""
        deadline, reason = time.monotonic() + LINK_SECONDS, None
        while reason is None and time.monotonic() < deadline:
            reason = self.lost() if self.procs else launcher_lost()
            time.sleep(0.05)
        self.kill(signal.SIGKILL)
        if LAUNCHER in os.environ and not (reason and os.environ["LOCAL_RANK"] == SPEAKER):
            raise SystemExit(SILENT) from error
        if reason == "":
            raise SystemExit(1) from error
        said = str(error).strip().splitlines()[0][:200]
        reason = reason or f"another process was killed, or is out of reach ({said}); {ADVICE}"
        raise ProcessLostError(reason) from error

    def _end(self, reason: str) -> None:
        self.kill(signal.SIGKILL)
        _end(reason)


def launcher_lost() -> str | None:
    """Say that the first process is gone, which started this one."""
    if int(os.environ.get(LAUNCHER, os.getppid())) == os.getppid():
        return None
    return f"the first process of this command was killed, so all have ended; {ADVICE}"


def _watch(lost: Callable[[], str | None], over: threading.Event, end: Callable[[str], None]) -> None:
    """Look for a process that is lost; then leave this one some time to fail by itself, until `over` is set."""
    while not over.wait(LOOK_SECONDS):
        if (reason := lost()) is not None:
            if not over.wait(GRACE_SECONDS):
                end(reason)
            return


def _end_follower(reason: str) -> None:
    _end(reason if os.environ["LOCAL_RANK"] == SPEAKER else "")


def _end(reason: str) -> None:
    """End this process, whose main thread may never return."""
    if reason:
        print(f"error: {reason}", file=sys.stderr, flush=True)
    os._exit(1)
