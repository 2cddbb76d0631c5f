"""Two trainings never write into one folder at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastfcn.training.lock import NAME, alone_in
from fastfcn.training.ranks import is_first
from tests.conftest import TINY_RUN

SOURCES = Path(__file__).parents[2] / "src"
HOLDER = """
import os, sys, time
from pathlib import Path
from fastfcn.training.lock import alone_in
with alone_in(Path(sys.argv[1])):
    if os.fork() == 0:  # like a loading worker, which has what was open
        time.sleep(60)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """A process that trains in the folder, and has a worker."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def test_the_second_training_is_refused_in_one_line(holder, tmp_path: Path, fails) -> None:
    line = fails("train", *TINY_RUN, f"hydra.run.dir={tmp_path}")
    assert f"another training, process {holder.pid} on " in line
    assert f"writes into {tmp_path}; wait for its end" in line
    assert {path.name for path in tmp_path.iterdir()} <= {NAME, ".hydra", "train.log"}


def test_a_killed_training_holds_nothing_though_its_workers_live(holder, tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with alone_in(tmp_path):
        assert (tmp_path / NAME).read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / NAME).exists()


def test_a_lock_that_its_holder_has_just_removed_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = []

    def remove_first(*_: object) -> None:
        if not removed:
            removed.append((tmp_path / NAME).unlink())

    monkeypatch.setattr("fcntl.lockf", remove_first)
    with alone_in(tmp_path):
        assert (tmp_path / NAME).read_text().startswith("process ")
    assert removed


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_other_processes_of_a_training_need_no_lock(
    variable: str, holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="another training"), alone_in(tmp_path):
        pass
    monkeypatch.setenv(variable, "1")
    assert not is_first()
    with alone_in(tmp_path):
        assert str(holder.pid) in (tmp_path / NAME).read_text()


def test_where_the_file_system_has_no_locks_a_warning_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.lockf", unsupported)
    with alone_in(tmp_path):
        assert "cannot be locked (Function not implemented)" in caplog.text
