"""The same seed gives the same run: unbroken, or resumed after SIGKILL."""

import csv
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from fastfcn.stopping import PREEMPTED
from fastfcn.training.callbacks import EpochLog
from tests.conftest import TINY_RUN, call_train
from tests.forking import Zygote

# 16 images in batches of 4, so 4 steps an epoch, and a checkpoint after every second but the last of an epoch
RUN = (*TINY_RUN, "model=encnet_jpu", "recipe.epochs=3", "checkpoint_every=2")


def column(run_dir: Path, name: str) -> list[float]:
    with (run_dir / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def losses(run_dir: Path) -> list[float]:
    return column(run_dir, "train/loss")


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state


def assert_same_weights(first: Path, second: Path) -> None:
    ours, reference = weights(first), weights(second)
    assert ours.keys() == reference.keys()
    assert [name for name, tensor in ours.items() if not torch.equal(tensor, reference[name])] == []


@pytest.fixture(scope="module")
def unbroken(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in a process of its own."""
    run_dir = tmp_path_factory.mktemp("unbroken")
    assert zygote.wait(zygote.start(train_alone, f"hydra.run.dir={run_dir}")) == 0
    return run_dir


def train_alone(*arguments: str) -> None:
    """Run train.py to its end."""
    torch.set_num_threads(1)
    call_train(*RUN, *arguments)


def kill(zygote: Zygote, run_dir: Path, *arguments: str, hook: str, at_step: int, saved_step: int) -> None:
    """Start train.py, have it wait in `hook` after `at_step`, and SIGKILL it there, workers included."""
    process = zygote.start(train_and_wait, run_dir, arguments, hook, at_step)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not (run_dir / "waiting").exists():
        assert zygote.wait(process, block=False) is None, "it should have been waiting"
        time.sleep(0.05)
    os.killpg(process, signal.SIGKILL)
    assert zygote.wait(process) == -signal.SIGKILL
    assert torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == saved_step


def train_and_wait(run_dir: Path, arguments: tuple[str, ...], hook: str, at_step: int) -> None:
    """Run train.py as it is, except that it stops and waits for its end: what was done since last.ckpt is lost."""

    def wait(self, trainer, *_) -> None:
        if trainer.global_step == at_step:
            (run_dir / "waiting").touch()
            time.sleep(600)

    torch.set_num_threads(1)
    setattr(EpochLog, hook, wait)
    call_train(*RUN, *arguments, f"hydra.run.dir={run_dir}")


def test_the_same_seed_gives_the_same_losses(unbroken: Path, tmp_path: Path, script) -> None:
    script("train", *RUN, f"hydra.run.dir={tmp_path}/again")
    assert len(losses(unbroken)) == 12
    assert losses(unbroken) == losses(tmp_path / "again")
    assert_same_weights(unbroken, tmp_path / "again")
    script("train", *RUN, "seed=1", f"hydra.run.dir={tmp_path}/other")
    assert losses(unbroken) != losses(tmp_path / "other")


# with workers slow: each training starts four processes; tests/data/test_sampling.py resumes loaders with and without
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_in_mid_epoch_and_resumed_equals_unbroken(
    workers: int, zygote: Zygote, unbroken: Path, tmp_path: Path, script
) -> None:
    options = (f"recipe.workers={workers}",)
    kill(zygote, tmp_path, *options, hook="on_train_batch_end", at_step=7, saved_step=6)
    script("train", *RUN, *options, "resume=last", f"hydra.run.dir={tmp_path}")
    assert losses(tmp_path) == losses(unbroken)
    assert_same_weights(tmp_path, unbroken)
    assert (tmp_path / "result.json").exists()


def test_killed_in_validation_and_resumed_equals_unbroken(
    zygote: Zygote, unbroken: Path, tmp_path: Path, script
) -> None:
    kill(zygote, tmp_path, hook="on_validation_epoch_start", at_step=8, saved_step=6)
    script("train", *RUN, "resume=last", f"hydra.run.dir={tmp_path}")
    assert losses(tmp_path) == losses(unbroken)
    assert column(tmp_path, "val/miou") == column(unbroken, "val/miou")
    assert_same_weights(tmp_path, unbroken)


@pytest.mark.slow  # two trainings; in mid-epoch without accumulation is the usual case
def test_killed_while_accumulating_and_resumed_equals_unbroken(zygote: Zygote, tmp_path: Path, script) -> None:
    options = ("trainer.accumulate_grad_batches=2", "checkpoint_every=1")
    script("train", *RUN, *options, f"hydra.run.dir={tmp_path}/unbroken")
    kill(zygote, tmp_path / "killed", *options, hook="on_train_batch_end", at_step=4, saved_step=3)
    script("train", *RUN, *options, "resume=last", f"hydra.run.dir={tmp_path}/killed")
    assert_same_weights(tmp_path / "killed", tmp_path / "unbroken")


@pytest.mark.parametrize(
    ("hook", "step", "saved"),
    [
        ("on_train_batch_end", 6, 6),
        pytest.param("on_validation_end", 8, 8, marks=pytest.mark.slow),  # one resumed training here is enough
    ],
)
def test_stopped_by_a_signal_and_resumed_equals_unbroken(
    hook: str, step: int, saved: int, unbroken: Path, tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an epoch it stops at once, in validation after the checkpoint that follows."""

    def signalled(self, trainer, *_) -> None:
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.getsignal(signal.SIGUSR1)
    former = getattr(EpochLog, hook)
    monkeypatch.setattr(EpochLog, hook, signalled)
    with pytest.raises(SystemExit) as exit_info:
        script("train", *RUN, "checkpoint_every=100", f"hydra.run.dir={tmp_path}")
    monkeypatch.setattr(EpochLog, hook, former)
    assert exit_info.value.code == PREEMPTED
    assert signal.getsignal(signal.SIGUSR1) == before
    assert not (tmp_path / "result.json").exists()
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == saved
    script("train", *RUN, "checkpoint_every=100", "resume=auto", f"hydra.run.dir={tmp_path}")
    assert losses(tmp_path) == losses(unbroken)
    assert column(tmp_path, "val/miou") == column(unbroken, "val/miou")
    assert_same_weights(tmp_path, unbroken)
