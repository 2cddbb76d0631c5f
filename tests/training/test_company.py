"""A process of several that is killed ends the others, which say so in one line: by stand-ins, and slowly for real."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.fabric.plugins.environments import LightningEnvironment

from fastfcn.training import company
from fastfcn.training.company import LAUNCHER, SILENT, Launcher, ProcessLostError, ending_together, follow_launcher
from tests.sweeping.commands import ROOT, sweep_environment
from tests.training.test_kills import MOMENTS, WAIT
from tests.training.test_repeatability import RUN

CLOSED = "[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1234"


class Ended(BaseException):
    """A thread has ended this process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes that a watch would have ended this process with, sooner than it does."""
    codes: list[int] = []
    monkeypatch.setattr(company, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(company, "LINK_SECONDS", 0.5)
    monkeypatch.setattr(company.os, "_exit", codes.append)
    return codes


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no time to fail by itself."""
    monkeypatch.setattr(company, "GRACE_SECONDS", 0.02)


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    """One of three processes, of which the second can be told how to end."""
    monkeypatch.setenv("LOCAL_RANK", "0")  # of one that has started the others before
    made = Launcher(LightningEnvironment(), 3, 1)
    made.procs = [subprocess.Popen(["sh", "-c", "read x; exit $x"], stdin=subprocess.PIPE) for _ in range(2)]
    yield made
    for process in made.procs:
        process.kill()
        process.wait()
        process.stdin.close()


def closed() -> None:
    raise RuntimeError(CLOSED)


def until(codes: list[int]) -> Callable[[], str]:
    """Return what waits for another process, and never fails by itself."""

    def wait() -> str:
        deadline = time.monotonic() + 5
        while not codes and time.monotonic() < deadline:
            time.sleep(0.01)
        return "returned"

    return wait


def test_the_first_tells_who_was_killed(launcher: Launcher, ends: list[int]) -> None:
    launcher.procs[1].kill()
    with pytest.raises(ProcessLostError, match=r"^process 2 of 3 was killed by SIGKILL, so all have ended; if memory"):
        launcher.launch(closed)
    assert launcher.procs[0].wait(5) == -signal.SIGKILL
    assert ends == []


@pytest.mark.usefixtures("impatient")
def test_one_that_waits_for_ever_is_ended(launcher: Launcher, ends: list[int], capfd) -> None:
    launcher.procs[1].kill()
    assert launcher.launch(until(ends)) == "returned"
    assert ends == [1]
    assert capfd.readouterr().err.startswith("error: process 2 of 3 was killed by SIGKILL")
    assert launcher.procs[0].wait(5) == -signal.SIGKILL


def test_one_that_failed_has_spoken_for_itself(launcher: Launcher, ends: list[int]) -> None:
    launcher.procs[1].communicate(b"1\n")
    with pytest.raises(SystemExit) as exit_info:
        launcher.launch(closed)
    assert exit_info.value.code == 1
    assert ends == []


@pytest.mark.usefixtures("impatient")
def test_so_has_one_that_another_waits_for(launcher: Launcher, ends: list[int], capfd) -> None:
    launcher.procs[1].communicate(b"1\n")
    assert launcher.launch(until(ends)) == "returned"
    assert ends == [1]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("code", [0, SILENT])
def test_one_that_has_ended_without_a_word_explains_nothing(launcher: Launcher, ends: list[int], code: int) -> None:
    launcher.procs[1].communicate(f"{code}\n".encode())
    with pytest.raises(ProcessLostError, match=r"another process was killed, or is out of reach \(\[\.\./gloo"):
        launcher.launch(closed)


def test_failures_of_ones_own_are_left_alone(launcher: Launcher, ends: list[int]) -> None:
    def fail() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        launcher.launch(fail)
    with pytest.raises(RuntimeError), ending_together(SimpleNamespace(strategy=SimpleNamespace(launcher=launcher))):
        fail()
    assert [process.wait(5) for process in launcher.procs] == [-signal.SIGKILL] * 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("rank", [1, 2])
def test_when_the_first_is_killed_one_of_the_others_tells(
    rank: int, ends: list[int], monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    monkeypatch.setenv(LAUNCHER, "1" if os.getppid() != 1 else "2")
    monkeypatch.setenv("LOCAL_RANK", f"{rank}")
    with pytest.raises(ProcessLostError if rank == 1 else SystemExit):
        Launcher(LightningEnvironment(), 3, 1).launch(closed)
    before = threading.active_count()
    follow_launcher()
    until(ends)()
    assert ends == [1]
    lines = capfd.readouterr().err.splitlines()
    assert [line.startswith("error: the first process of this command was killed") for line in lines] == [True] * (
        rank == 1
    )
    assert threading.active_count() <= before + 1


def test_what_was_not_started_by_another_follows_none(monkeypatch: pytest.MonkeyPatch, ends: list[int]) -> None:
    before = threading.active_count()
    follow_launcher()
    assert threading.active_count() == before
    monkeypatch.setenv("LOCAL_RANK", "1")  # torchrun's
    with pytest.raises(ProcessLostError, match="another process was killed, or is out of reach"):
        Launcher(LightningEnvironment(), 2, 1).launch(closed)


def children(pid: int) -> list[int]:
    """Return the trainings that a process has started, without its loading workers."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(each) for each in found if b"hydra.job.name=train_ddp_process" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]


def gone(pid: int) -> bool:
    """Tell whether a process has ended, even where its parent, the first of a container perhaps, never asks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.slow  # three trainings of three processes
@pytest.mark.parametrize(("killed", "waiting"), [("1", "0"), ("0", "0"), ("0", "2")])
def test_a_training_of_three_processes(killed: str, waiting: str, tmp_path: Path) -> None:
    """The process `waiting` waits in a step and would for ever, as one does on a GPU; the others wait for it."""
    program, sign, said = tmp_path / "program.py", tmp_path / "waiting", tmp_path / "said"
    text = WAIT.replace('os.environ.get("LOCAL_RANK", "0") == "0"', f'os.environ.get("LOCAL_RANK", "0") == "{waiting}"')
    program.write_text(text.format(sources=str(ROOT / "src"), moment=MOMENTS["in a step"]))
    options = (*RUN, "model=fcn_jpu", "recipe.workers=1", "recipe.batch_size=1", "trainer=ddp", "devices=3")
    with said.open("w") as output:
        first = subprocess.Popen(
            [sys.executable, str(program), *options, "trainer.accelerator=cpu", f"hydra.run.dir={tmp_path}/run"],
            cwd=ROOT, env=sweep_environment(KILL_SIGN=str(sign)), stdout=output, stderr=output, text=True,
        )  # fmt: skip
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and first.poll() is None and not sign.exists():
        time.sleep(0.05)
    assert sign.exists(), said.read_text()[-3000:]
    others = children(first.pid)
    assert len(others) == 2
    os.kill(first.pid if killed == "0" else others[int(killed) - 1], signal.SIGKILL)
    ended = time.monotonic() + 30
    code = first.wait(30)
    while not all(map(gone, others)):
        assert time.monotonic() < ended, said.read_text()[-3000:]
        time.sleep(0.1)
    assert code == (-signal.SIGKILL if killed == "0" else 1)
    text = said.read_text()
    who = "the first process of this command was killed" if killed == "0" else "process 1 of 3 was killed by SIGKILL"
    assert re.findall("^error: .*", text, re.MULTILINE) == [f"error: {who}, so all have ended; {company.ADVICE}"]
    assert "Traceback" not in text
