"""A run can always go on or begin again, whatever a kill has left of its checkpoints; what is replaced is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fastfcn.training.callbacks import BestCheckpoint
from fastfcn.training.resume import find_resume
from tests.conftest import call_train
from tests.training.test_repeatability import RUN, assert_same_weights, losses

LAST, BEST = "checkpoints/last.ckpt", "checkpoints/best.ckpt"


class Killed(BaseException):
    """Ends a training where SIGKILL would."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    run_dir = tmp_path_factory.mktemp("unbroken")
    train(f"hydra.run.dir={run_dir}")
    return run_dir


def train(*arguments: str) -> None:
    call_train(*RUN, "checkpoint_every=100", *arguments)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ({}, LAST),
        ({LAST: Path.unlink}, BEST),
        ({LAST: cut}, BEST),
        ({LAST: empty}, BEST),
        ({LAST: cut, BEST: cut}, None),
        ({LAST: Path.unlink, BEST: empty}, None),
        ({LAST: Path.unlink, BEST: Path.unlink}, None),
        ({BEST: cut}, LAST),
    ],
)
def test_auto_takes_the_last_that_can_be_read(
    damage: dict[str, Callable[[Path], None]], found: str | None, unbroken: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken / "checkpoints", tmp_path / "checkpoints")
    for name, apply in damage.items():
        apply(tmp_path / name)
    resumed = find_resume("auto", tmp_path)
    assert (None if resumed is None else resumed.path) == (None if found is None else tmp_path / found)


def test_killed_between_best_and_last(unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first epoch best.ckpt is written, then last.ckpt: without it the run goes on from the best."""

    def save_and_die(self, *args) -> None:
        former(self, *args)
        raise Killed

    former = BestCheckpoint.on_train_epoch_end
    monkeypatch.setattr(BestCheckpoint, "on_train_epoch_end", save_and_die)
    with pytest.raises(Killed):
        train(f"hydra.run.dir={tmp_path}")
    monkeypatch.setattr(BestCheckpoint, "on_train_epoch_end", former)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["best.ckpt"]
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*last\.ckpt; .* resume=auto"):
        find_resume("last", tmp_path)
    train("resume=auto", f"hydra.run.dir={tmp_path}")
    assert losses(tmp_path) == losses(unbroken)
    assert_same_weights(tmp_path, unbroken)
    assert (tmp_path / "result.json").exists()


def test_without_a_whole_checkpoint_it_begins_anew_and_keeps_what_was_there(unbroken: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(unbroken, run_dir)
    cut(run_dir / LAST)
    cut(run_dir / BEST)
    with pytest.raises(ValueError, match=r"last\.ckpt is truncated.*resume=auto"):
        find_resume("last", run_dir)
    before = {name: (run_dir / name).read_bytes() for name in (LAST, BEST, "result.json")}
    train("resume=auto", f"hydra.run.dir={run_dir}")
    assert_same_weights(run_dir, unbroken)
    assert {name: (run_dir / f"{name}.old1").read_bytes() for name in before} == before


def test_a_finished_run_that_is_resumed_keeps_its_result(unbroken: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(unbroken, run_dir)
    train("resume=auto", f"hydra.run.dir={run_dir}")
    assert not list(run_dir.rglob("*.old*"))
    assert losses(run_dir) == losses(unbroken)
    for name in ("last", "best"):
        states = [torch.load(each / f"checkpoints/{name}.ckpt", weights_only=True) for each in (run_dir, unbroken)]
        assert states[0]["global_step"] == states[1]["global_step"]


def test_a_result_alone_is_another_run(tmp_path: Path, fails) -> None:
    (tmp_path / "result.json").write_text("{}")
    line = fails("train", *RUN, f"hydra.run.dir={tmp_path}")
    assert "holds another run (result.json); add resume=last or resume=auto" in line
    assert (tmp_path / "result.json").read_text() == "{}"
