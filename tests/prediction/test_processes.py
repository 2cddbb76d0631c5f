"""Processes that predict together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from functools import partial
from pathlib import Path
from fastfcn.prediction.processes import in_processes

def work(folder, rank):
    Path(folder, str(os.getpid())).touch()
    time.sleep(120)

if __name__ == "__main__":
    in_processes(partial(work, sys.argv[1]), 2)
"""


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:1]
    except OSError:
        return True


@pytest.mark.slow  # three processes import PyTorch
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("killed", ["first", "other"])
def test_where_one_is_killed_all_end(killed: str, tmp_path: Path) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "pids"
    script.write_text(SCRIPT)
    folder.mkdir()
    command = [sys.executable, str(script), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        while len(pids := [int(path.name) for path in folder.iterdir()]) < 2:
            assert first.poll() is None
            time.sleep(0.1)
        os.kill(first.pid if killed == "first" else pids[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not all(map(gone, pids)) or first.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert first.stderr is not None
        if killed == "other":
            assert "ValueError: a process was killed" in first.stderr.read()
