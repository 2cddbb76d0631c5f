"""Checkpoints that ask for more than they hold, read where the system gives no more than a gigabyte."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attack.test_description import HOSTILE, put

LARGE = (
    "a network of gigabytes",
    "an encoder of half a gigabyte",
    "endless validation",
    "values shared over 40 levels",
)
READ = """
import resource, sys
from pathlib import Path
sys.path.insert(0, "src")
from fastfcn.checkpoints import network_of, read_checkpoint
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    network_of(read_checkpoint(sys.argv[1]))
except ValueError as error:
    print(error)
"""


@pytest.mark.slow  # a process of its own for each, which imports torch
@pytest.mark.parametrize("attack", LARGE)
def test_no_gigabyte_is_needed_to_refuse(attack: str, hostile) -> None:
    place, value, message = HOSTILE[attack]

    def change(content: dict[str, Any]) -> None:
        put(content["hyper_parameters"], place, value)

    command = [sys.executable, "-c", READ, str(hostile(change))]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert message in run.stdout
