"""SIGKILL to a training of two processes, at moments of all kinds: resumed, it is the one that nothing disturbed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import read_runs
from tests.sweeping.commands import ROOT, TWO_PROCESSES, sweep_environment
from tests.training.test_repeatability import RUN, column

pytestmark = pytest.mark.slow  # eleven trainings of two processes

OPTIONS = (*RUN, *TWO_PROCESSES, "logger=offline", "logger.images=0", "protocol=single_scale", "pictures=1")
# the first process waits, in the n-th call of a function, to be killed
WAIT = """
import importlib, os, sys, time
sys.path.insert(0, {sources!r})
calls = []
def wait_in(module, owner, name, number):
    place = getattr(importlib.import_module(module), owner) if owner else importlib.import_module(module)
    former = getattr(place, name)
    def waiting(*args, **kwargs):
        result = former(*args, **kwargs)
        calls.append(0)
        if len(calls) == number and os.environ.get("LOCAL_RANK", "0") == "0":
            open(os.environ["KILL_SIGN"], "w").close()
            time.sleep(600)
        return result
    setattr(place, name, waiting)
if os.environ.get("KILL_SIGN"):
    wait_in(*{moment!r})
import train
train.main()
"""
MOMENTS = {
    "before the first checkpoint": ("fastfcn.training.module", "SegmentationModule", "training_step", 1),
    "between best.ckpt and last.ckpt": ("fastfcn.training.callbacks", "BestCheckpoint", "on_train_epoch_end", 1),
    "in a step": ("fastfcn.training.module", "SegmentationModule", "training_step", 7),
    "in validation": ("fastfcn.training.module", "SegmentationModule", "validation_step", 3),
    "in the final scoring": ("fastfcn.evaluation.evaluator", "EvaluationModule", "test_step", 1),
}


def start(run_dir: Path, program: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a training from a file: Lightning starts the second process from it, too."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "said").open("a") as output:
        return subprocess.Popen(
            [sys.executable, str(program), *OPTIONS, "resume=auto", f"hydra.run.dir={run_dir}"],
            cwd=ROOT, env={**sweep_environment(), **environment}, stdout=output, stderr=output, text=True,
            start_new_session=True,
        )  # fmt: skip


def finish(run_dir: Path, program: Path) -> None:
    assert start(run_dir, program).wait(300) == 0, (run_dir / "said").read_text()[-3000:]


def kill(run_dir: Path, program: Path) -> None:
    """Kill both processes, and their workers, where the first one waits."""
    sign = run_dir / "waiting"
    process = start(run_dir, program, KILL_SIGN=str(sign))
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None and not sign.exists():
        time.sleep(0.05)
    assert process.poll() is None, (run_dir / "said").read_text()[-3000:]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    program = folder / "program.py"
    program.write_text(WAIT.format(sources=str(ROOT / "src"), moment=()))
    finish(folder / "run", program)
    return folder / "run"


def differing(first: Any, second: Any, name: str = "") -> list[str]:
    """Name the leaves in which two states differ."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return [] if torch.equal(first, second) else [name]
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return [each for key in first for each in differing(first[key], second[key], f"{name}.{key}")]
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return [each for place, (one, other) in pairs for each in differing(one, other, f"{name}[{place}]")]
    return [] if first == second else [name]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_equals_unbroken(moment: str, unbroken: Path, tmp_path: Path) -> None:
    program, run_dir = tmp_path / "program.py", tmp_path / "run"
    program.write_text(WAIT.format(sources=str(ROOT / "src"), moment=MOMENTS[moment]))
    kill(run_dir, program)
    finish(run_dir, program)
    for name in ("last", "best"):
        ours, theirs = (
            torch.load(each / "checkpoints" / f"{name}.ckpt", weights_only=True) for each in (run_dir, unbroken)
        )
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
            assert differing(ours[part], theirs[part], part) == []
    for name in ("train/loss", "val/miou", "val/loss"):
        assert column(run_dir, name) == column(unbroken, name)
    (run,), (reference,) = read_runs([run_dir]), read_runs([unbroken])
    for name in ("train/loss", "val/miou", "val/miou_ss"):
        rows, expected = ([(row[STEP], row[name]) for row in each.history if name in row] for each in (run, reference))
        assert rows == expected
        assert rows
    assert run.exit_code == 0
