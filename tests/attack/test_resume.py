"""The state of a training in a checkpoint from anyone: only what is known and fits is taken over, and no path."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from omegaconf import DictConfig

from fastfcn.checkpoints import read_checkpoint
from fastfcn.training.callbacks import EpochLog
from fastfcn.training.conclusion import Parts
from fastfcn.training.restoring import RestoringIO, restore
from fastfcn.training.train import build_parts, read_config
from tests.conftest import TRAINED_RUN

BEST = "BestCheckpoint{'monitor': 'val/miou', 'mode': 'max', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}"  # noqa: E501


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from fastfcn.entry import CONF

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config: DictConfig = compose("train", overrides=list(TRAINED_RUN))
    return build_parts(read_config(config), tmp_path_factory.mktemp("resumed"))


def loop(name: str, *keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Change a number that Lightning's loops have counted."""

    def change(content: dict[str, Any]) -> None:
        node = content["loops"]["fit_loop"][name]
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = value

    return change


def optimiser(content: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = content["optimizer_states"][0]
    return state


def moment(value: Callable[[torch.Tensor], Any]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        first = optimiser(content)["state"][0]
        first["momentum_buffer"] = value(first["momentum_buffer"])

    return change


def best(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["callbacks"][BEST].update(changes)


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "loops that are none": (lambda c: c.update(loops=None), "loops is None, no dict"),
    "loops that are text": (lambda c: c["loops"].update(fit_loop="fast"), "loops.fit_loop is 'fast', no dict"),
    "a negative count": (
        loop("epoch_loop.batch_progress", "current", "ready", value=-1), "current.ready must be a whole number"),
    "a count that is text": (
        loop("epoch_loop.batch_progress", "total", "ready", value="many"), "total.ready must be a whole number"),
    "a count that is a list": (
        loop("epoch_progress", "current", "completed", value=[1]), "completed must be a whole number"),
    "an epoch after the last": (loop("epoch_progress", "current", "processed", value=99), "it is in epoch 99 of 3"),
    "neither true nor false": (
        loop("epoch_loop.batch_progress", "is_last_batch", value=2), "is_last_batch is 2, neither true nor false"),
    "steps that do not agree": (lambda c: c.update(global_step=5), "global_step is 5, and its loops have counted"),
    "callbacks in a list": (lambda c: c.update(callbacks=[1]), "callbacks is [1], no dict"),
    "a callback that is text": (lambda c: c["callbacks"].update({BEST: "best"}), "no dict"),
    "a best score beyond all": (best(best_model_score=torch.tensor(7.0)), "the best score must be"),
    "a best score that is none": (best(best_model_score=torch.tensor(float("nan"))), "the best score must be"),
    "best scores": (best(best_model_score=torch.zeros(3)), "the best score must be"),
    "a best score that is text": (best(best_model_score="best"), "the best score must be"),
    "images shown in no epoch": (
        lambda c: c["callbacks"]["ValidationImages"].update(shown="all"), "shown must be a whole number"),
    "no optimiser": (lambda c: c.pop("optimizer_states"), "optimizer_states is None, no list of one dict"),
    "two optimisers": (lambda c: c["optimizer_states"].append({}), "no list of one dict"),
    "an optimiser that is a number": (lambda c: c.update(optimizer_states=[3]), "no list of one dict"),
    "groups of nothing": (lambda c: optimiser(c).update(param_groups=[]), "param_groups is [], no list of 4"),
    "a rate that is text": (
        lambda c: optimiser(c)["param_groups"][0].update(lr="fast"), "param_groups.0.lr must be 0 or more"),
    "a rate below zero": (lambda c: optimiser(c)["param_groups"][1].update(lr=-1.0), "lr must be 0 or more, got -1.0"),
    "a rate that is no number": (
        lambda c: optimiser(c)["param_groups"][0].update(initial_lr=float("nan")), "initial_lr must be 0 or more"),
    "moments in a list": (lambda c: optimiser(c).update(state=[]), "optimizer_states.state is not that of"),
    "moments of other parameters": (lambda c: optimiser(c)["state"].update({10**6: {}}), "is not that of"),
    "a moment that is text": (moment(lambda _: "m"), "momentum_buffer is str, no named tensor"),
    "a moment of another shape": (moment(lambda old: old[:1]), "of another shape than its parameter"),
    "a moment of one number": (moment(lambda _: torch.tensor(1.0)), "of another shape than its parameter"),
    "a moment of whole numbers": (moment(lambda old: old.long()), "of another shape than its parameter"),
    "a moment that is not a number": (moment(lambda old: old * float("nan")), "is not finite"),
    "no schedule": (lambda c: c.update(lr_schedulers=[]), "lr_schedulers is [], no list of 1"),
    "a schedule that is text": (lambda c: c.update(lr_schedulers=["slow"]), "lr_schedulers.0 is 'slow', no dict"),
    "a schedule before its start": (
        lambda c: c["lr_schedulers"][0].update(last_epoch=-7), "last_epoch must be a whole number"),
    "rates of a schedule that are text": (
        lambda c: c["lr_schedulers"][0].update(_last_lr=["a"] * 4), "_last_lr.0 must be 0 or more"),
    "batches before the first": (
        lambda c: c["SegmentationLoaders"].update(batch=-1), "SegmentationLoaders.batch must be a whole number"),
    "a place without an epoch": (lambda c: c["SegmentationLoaders"].pop("epoch"), "SegmentationLoaders.epoch must be"),
    "a place that is text": (lambda c: c.update(SegmentationLoaders="here"), "SegmentationLoaders is 'here', no dict"),
    "a weight that is not a number": (
        lambda c: c["state_dict"].update({
            "network.head.reduce.0.weight": c["state_dict"]["network.head.reduce.0.weight"] * float("nan")}),
        "not finite network.head.reduce.0.weight"),
    "weights beside the network's": (
        lambda c: c["state_dict"].update({"loss.weight": torch.zeros(1)}), "unknown loss.weight"),
}  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_states_are_refused(attack: str, parts: Parts, hostile, refused) -> None:
    change, message = HOSTILE[attack]
    path = hostile(change)
    line = refused(lambda: restore(read_checkpoint(path), parts))
    assert f"{path} cannot be gone on from" in line
    assert message in line, line


def test_a_best_checkpoint_beside_it_that_is_none_is_refused_before_training(
    parts: Parts, trained: Path, tmp_path: Path, refused
) -> None:
    path = Path(shutil.copy(trained / "checkpoints" / "last.ckpt", tmp_path))
    (tmp_path / "best.ckpt").write_bytes(b"none")
    line = refused(lambda: restore(read_checkpoint(path), parts))
    assert "best.ckpt is no checkpoint" in line
    assert "without that file the run goes on" in line


def test_what_is_unknown_is_left_out(parts: Parts, hostile) -> None:
    def change(content: dict[str, Any]) -> None:
        content["callbacks"]["Foreign"] = {"path": "/"}
        content["lr_schedulers"][0]["optimizer"] = "foreign"
        content["loops"]["fit_loop"]["state_dict"]["combined_loader"] = [{"foreign": 1}]
        content["optimizer_states"][0]["param_groups"][0].update(maximize=True, foreach="foreign")
        content["pytorch-lightning_version"] = "foreign"
        content["Foreign"] = {"foreign": 1}

    restore(read_checkpoint(hostile(change)), parts)
    storage = parts.trainer.strategy.checkpoint_io
    assert isinstance(storage, RestoringIO)
    state = storage.load_checkpoint("once")
    assert "foreign" not in repr({**state, "state_dict": None}).lower()
    assert state["optimizer_states"][0]["param_groups"][0]["maximize"] is False
    assert state["pytorch-lightning_version"] == L.__version__


@pytest.fixture
def in_midst(script, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoint of a run that was stopped in its second epoch: best.ckpt of `trained` may be of its last."""

    def signalled(self: EpochLog, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == 12:
            os.kill(os.getpid(), signal.SIGUSR1)

    run_dir = tmp_path_factory.mktemp("in_midst")
    monkeypatch.setattr(EpochLog, "on_train_batch_end", signalled)
    with pytest.raises(SystemExit):
        script("train", *TRAINED_RUN, f"hydra.run.dir={run_dir}")
    monkeypatch.undo()
    return run_dir / "checkpoints" / "last.ckpt"


def test_no_path_of_a_checkpoint_is_used(in_midst: Path, script, tmp_path: Path) -> None:
    """Lightning removes what a checkpoint says was the best, the last or the worst, also by a way out of the run."""
    run_dir, victims = tmp_path / "run", [tmp_path / name for name in ("far", "near")]
    for victim in victims:
        (victim / "kept").mkdir(parents=True)

    content = torch.load(in_midst, weights_only=True)
    changed = [state for key, state in content["callbacks"].items() if "Checkpoint" in key]
    for state in changed:
        far, near = f"local://{victims[0]}", f"{run_dir}/checkpoints/../../near"
        state.update(best_model_path=far, last_model_path=near, kth_best_model_path=near, dirpath=str(tmp_path))
        state.update(best_k_models={near: torch.tensor(0.0)}, best_model_score=torch.tensor(0.0))
    assert len(changed) > 1
    path = tmp_path / "evil.ckpt"
    torch.save(content, path)
    before = path.read_bytes()
    script("train", *TRAINED_RUN, "checkpoint_every=1", f"resume={path}", f"hydra.run.dir={run_dir}")
    assert [(victim / "kept").is_dir() for victim in victims] == [True, True]
    assert path.read_bytes() == before
    assert {each.name for each in (run_dir / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert {each.name for each in tmp_path.iterdir()} == {"run", "far", "near", "evil.ckpt"}


def test_a_hostile_state_ends_train_with_one_line_before_anything_is_written(hostile, fails, tmp_path: Path) -> None:
    path = hostile(lambda content: content.update(lr_schedulers=None))
    run_dir = tmp_path / "run"
    assert "lr_schedulers is None" in fails("train", *TRAINED_RUN, f"resume={path}", f"hydra.run.dir={run_dir}")
    assert not (run_dir / "checkpoints").exists()
    assert not (run_dir / "config.yaml").exists()
