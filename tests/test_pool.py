"""Processes that one command starts end with it, whichever is killed, and one of them says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeping.commands import ROOT

PROGRAM = """
import os, sys, time
sys.path.insert(0, {sources!r})
from fastfcn.pool import in_processes, process_pool

def work(_):
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)

if __name__ == "__main__":
    if sys.argv[1] == "spawn":
        in_processes(work, 3)
    else:
        with process_pool(3, start="fork") as pool:
            list(pool.map(work, range(3)))
"""
SAID = {
    "first": "error: the first process of this command was killed, so all have ended; what is finished is kept: run",
    "another": "ValueError: a process was killed, by the system if memory has run out; what is finished is kept: run",
}


@pytest.mark.parametrize("killed", SAID)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_all_end_where_one_is_killed(start: str, killed: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(sources=str(ROOT / "src")))
    command = [sys.executable, str(path), start]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        others = [int(first.stdout.readline()) for _ in range(3)]
        os.kill(first.pid if killed == "first" else others[-1], signal.SIGKILL)
        _, said = first.communicate(timeout=30)  # returns once all have closed their ends, and so are gone
    assert first.returncode == (-signal.SIGKILL if killed == "first" else 1)
    assert [line.startswith(SAID[killed]) for line in said.splitlines() if " killed" in line] == [True]
