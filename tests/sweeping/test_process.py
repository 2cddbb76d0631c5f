"""A job's process: its own group, its log, its time, and nothing left of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastfcn.sweeping.process import run_to_its_end


def run(tmp_path: Path, program: str, **options):
    return run_to_its_end(
        [sys.executable, "-c", program], log=tmp_path / "log", environment=os.environ, directory=tmp_path, **options
    )


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has, too."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_what_it_prints_is_appended_and_its_code_returned(tmp_path: Path) -> None:
    ending = run(tmp_path, "import sys, os; print(os.getcwd()); sys.exit(3)")
    assert (ending.code, ending.timed_out, ending.stopped) == (3, False, False)
    assert run(tmp_path, "print(input())").code == 1  # nothing to read
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == str(tmp_path)
    assert lines[-1].startswith("EOFError")


def test_a_signal_is_a_negative_code(tmp_path: Path) -> None:
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)").code == -signal.SIGKILL


FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("child", "w").write(str(child.pid))
{then}
"""


def test_a_timeout_ends_the_whole_family(tmp_path: Path) -> None:
    ending = run(tmp_path, FAMILY.format(then="time.sleep(60)"), timeout=1)
    assert ending.timed_out
    assert gone(int((tmp_path / "child").read_text()))


def test_what_a_process_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    assert run(tmp_path, FAMILY.format(then="")).code == 0
    assert gone(int((tmp_path / "child").read_text()))


def test_asked_to_stop_it_has_time_to_save(tmp_path: Path) -> None:
    saving = """
import signal, sys, time
def save(*_):
    open("saved", "w").close()
    sys.exit(75)
signal.signal(signal.SIGTERM, save)
open("ready", "w").close()
time.sleep(60)
"""
    ending = run(tmp_path, saving, should_stop=(tmp_path / "ready").exists)
    assert (ending.code, ending.stopped) == (75, True)
    assert (tmp_path / "saved").exists()


def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); open('ready', 'w').close(); time.sleep(60)"
    ending = run(tmp_path, deaf, should_stop=(tmp_path / "ready").exists, grace=0.3)
    assert (ending.code, ending.stopped) == (-signal.SIGKILL, True)


SUPERVISOR = """
import os, sys
from pathlib import Path
from fastfcn.sweeping.process import run_to_its_end
JOB = '''
import os, time
from fastfcn.sweeping.orphans import die_with_parent
die_with_parent()
open("pid.part", "w").write(str(os.getpid()))
os.rename("pid.part", "pid")
time.sleep(60)
'''
folder = Path(sys.argv[1])
run_to_its_end([sys.executable, "-c", JOB], log=folder / "log", environment=os.environ, directory=folder)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_job_does_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)], env=environment)
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    supervisor.kill()
    supervisor.wait()
    assert gone(int((tmp_path / "pid").read_text()))
