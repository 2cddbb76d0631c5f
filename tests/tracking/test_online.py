"""logger.mode=online where W&B cannot be had: one line, offline, and soon."""

import contextlib
import os
import pty
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from fastfcn.tracking import logging
from fastfcn.tracking.identity import Identity, last_id
from fastfcn.tracking.logging import Logging, RunLogger
from fastfcn.tracking.offline import read_runs
from tests.conftest import TINY_RUN
from tests.sweeping.commands import ROOT
from tests.tracking.serving import KEY, Refusing, served

pytestmark = pytest.mark.slow  # wandb's service process, once refused, has been seen not to end

LONG = 60  # seconds; without a timeout of its own W&B tries for 90 and more

IDENTITY = Identity(id=None, name="jpu-seed0", row="jpu", group="upsampling", tags=("head=encnet",))
ONLINE = Logging(mode="online", project="tests", entity=None, images=0, images_every=1, checkpoint=False)


@pytest.fixture
def refusing() -> Iterator[str]:
    with served(Refusing) as host:
        yield host


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that takes connections and never answers, as a firewall may."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def log_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Open an online run at a host, log a line, close it, and return the seconds to open it and what was warned of."""
    monkeypatch.setattr(logging, "CONNECT_SECONDS", 2.0)
    monkeypatch.delenv("WANDB_MODE")
    wandb.teardown()  # it reads the environment once

    def call(host: str | None, key: str | None = KEY) -> tuple[float, list[str]]:
        if host is not None:
            monkeypatch.setenv("WANDB_BASE_URL", host)
        if key is None:
            monkeypatch.delenv("WANDB_API_KEY", raising=False)
        else:
            monkeypatch.setenv("WANDB_API_KEY", key)
        logger = RunLogger(ONLINE, tmp_path, config={"seed": 0}, identity=IDENTITY)
        started = time.perf_counter()
        logger.log_metrics({"loss": 1.0}, step=0)
        seconds = time.perf_counter() - started
        logger.close(0)
        wandb.teardown()  # waits for the file
        (run,) = read_runs([tmp_path])  # of a failed attempt nothing is left
        assert last_id(tmp_path) == run.id
        assert run.history[0]["loss"] == 1.0
        assert (run.name, run.exit_code) == ("jpu-seed0", 0)
        return seconds, [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    yield call
    wandb.teardown()


def test_without_a_key(log_one, closed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # whose .netrc may have one
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    _, warnings = log_one(closed, key=None)
    assert len(warnings) == 1
    assert "needs a W&B key" in warnings[0]


def test_a_key_that_is_none(log_one, closed: str) -> None:
    _, warnings = log_one(closed, key="short")
    assert len(warnings) == 1
    assert "WANDB_API_KEY invalid" in warnings[0]
    assert "logging offline" in warnings[0]


def test_without_a_network(log_one, closed: str) -> None:
    seconds, warnings = log_one(closed)
    assert seconds < LONG
    assert len(warnings) == 1
    assert closed in warnings[0]
    assert warnings[0].endswith("cannot be reached (ConnectionError); logging offline, upload later with wandb sync")


def test_a_host_that_never_answers(log_one, silent: str) -> None:
    seconds, warnings = log_one(silent)
    assert seconds < LONG
    assert len(warnings) == 1
    assert "cannot be reached" in warnings[0]


def test_a_host_that_answers_but_opens_no_run(log_one, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "why_unreachable", lambda _: None)
    seconds, warnings = log_one(silent)
    assert seconds < LONG
    assert len(warnings) == 1
    assert warnings[0].startswith(f"W&B at {silent}: ")


def test_a_host_that_refuses_the_key(log_one, refusing: str) -> None:
    _, warnings = log_one(refusing)
    assert len(warnings) == 1
    assert refusing in warnings[0]


def test_at_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    """A training of its own at a terminal that nobody types at."""
    arguments = [*TINY_RUN, "recipe.epochs=1", "logger=online", f"hydra.run.dir={tmp_path / 'run'}"]
    environment = {**os.environ, "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "OMP_NUM_THREADS": "1"}
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        environment.pop(name, None)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "src/train.py", *arguments], environment)
    said, deadline = b"", time.monotonic() + 120
    with contextlib.suppress(OSError):  # the terminal is gone with its process
        while select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0]:
            said += os.read(terminal, 4096)
    if time.monotonic() > deadline:
        os.kill(process, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, said[-2000:]
    assert b"needs a W&B key" in said
    assert (tmp_path / "run" / "result.json").exists()
