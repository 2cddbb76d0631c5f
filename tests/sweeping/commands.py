"""Sweeps as a user starts them: in a process of their own, with trainings that are real but tiny."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import TINY_RUN

ROOT = Path(__file__).parents[2]
FAULTY = Path(__file__).with_name("faults")
TWO_PROCESSES = ("trainer=ddp", "devices=2", "trainer.accelerator=cpu", "recipe.batch_size=2")


@dataclass(frozen=True)
class Ended:
    """A finished command: its exit code and all it printed."""

    code: int
    said: str


def sweep_command(folder: Path, *overrides: str) -> list[str]:
    """Return the command of a sweep of tiny trainings into `folder`."""
    return [sys.executable, "src/train.py", "-m", *TINY_RUN, *overrides, f"hydra.sweep.dir={folder}"]


def sweep_environment(faults: Mapping[str, str] | None = None, **more: str) -> dict[str, str]:
    """Return an environment in which jobs find this source tree, and `faults` as faults/sitecustomize.py reads them."""
    path = f"{ROOT / 'src'}{os.pathsep}{FAULTY}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path, **more}
    return {**environment, "FAULTS": json.dumps(faults or {})}


def run_sweep(folder: Path, *overrides: str, environment: Mapping[str, str], seconds: float = 300) -> Ended:
    """Run a sweep to its end."""
    run = subprocess.run(
        sweep_command(folder, *overrides), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    return Ended(run.returncode, run.stdout)


def status(folder: Path) -> dict[str, object]:
    """Read a job's status.json."""
    content: dict[str, object] = json.loads((folder / "status.json").read_text())
    return content
