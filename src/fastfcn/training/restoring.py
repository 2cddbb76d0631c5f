"""What a run takes over from a checkpoint that it goes on from: what is known and fits, and no path."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from fastfcn.checkpoints import NETWORK, Checkpoint, count, read_checkpoint
from fastfcn.models.segmenter import Segmenter
from fastfcn.safe_loading import load_plain
from fastfcn.tensors import named_tensors, require_fitting_weights, shown
from fastfcn.training.averaging import MEAN_OF, WEIGHTS
from fastfcn.training.callbacks import BestCheckpoint, Patience
from fastfcn.training.checkpoint_io import AtomicCheckpointIO
from fastfcn.training.conclusion import Parts
from fastfcn.training.optimisers import recipe_optimiser
from fastfcn.training.recipe import Recipe
from fastfcn.training.resume import BEST
from fastfcn.training.schedules import build_schedule

RATES = ("lr", "initial_lr")  # of a parameter group; its other options are the recipe's
STEPS = "epoch_loop.automatic_optimization.optim_progress"
VERSION = {"pytorch-lightning_version": L.__version__}


class RestoringIO(AtomicCheckpointIO):
    """Gives Lightning what `restored` let through, or else the weights of a checkpoint, never a file as it is."""

    state: dict[str, Any] | None = None

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the state to restore, once, and from then on the weights of the checkpoint at `path`."""
        state, self.state = self.state, None
        if state is not None:
            return state
        weights = read_checkpoint(path).weights
        return {**VERSION, "state_dict": {f"{NETWORK}{name}": tensor for name, tensor in weights.items()}}

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove nothing: the suite's checkpoints are replaced in place."""


def restore(resumed: Checkpoint, parts: Parts) -> None:
    """Have the run begin with the state of `resumed`. Raises ValueError, naming the value, if any does not fit."""
    storage = parts.trainer.strategy.checkpoint_io
    assert isinstance(storage, RestoringIO)
    try:
        storage.state = restored(load_plain(resumed.path), parts, resumed)
    except ValueError as error:
        raise ValueError(
            f"{resumed.path} cannot be gone on from: {error}; begin a new run, with its weights by init={resumed.path}"
        ) from error
    best = resumed.path.with_name(BEST)
    if best.exists() and best != resumed.path:
        try:
            require_fitting_weights(parts.module.network.state_dict(), read_checkpoint(best).weights, best)
        except ValueError as error:
            raise ValueError(f"{error}; without that file the run goes on with a best.ckpt of its own") from error


def restored(content: Mapping[str, Any], parts: Parts, resumed: Checkpoint) -> dict[str, Any]:
    """Take from `content`, that of the file of `resumed`, what the parts of the run know."""
    trainer, module, loaders = parts.trainer, parts.module, parts.loaders
    weights = named_tensors(content["state_dict"], "state_dict")
    require_fitting_weights(module.state_dict(), weights, resumed.path)
    loops = like(_part(content, "loops").get("fit_loop"), trainer.fit_loop.state_dict(), "loops.fit_loop")
    _require_steps(loops, resumed.step, epochs=module.recipe.epochs)
    state = {
        **VERSION,
        "state_dict": weights,
        "loops": {"fit_loop": loops},
        "callbacks": dict(_callbacks(_part(content, "callbacks"), trainer)),
        **_optimisation(content, module.network, module.recipe),
        **(_averaged(content, module, resumed.path) if module.recipe.ema is not None else {}),
    }
    place, scaler = type(loaders).__qualname__, trainer.precision_plugin.state_dict()
    if found := _part(content, place):
        state[place] = {name: count(found.get(name), f"{place}.{name}") for name in ("epoch", "batch")}
    if scaler:
        name = type(trainer.precision_plugin).__qualname__
        state[name] = like(content.get(name), scaler, name)
    return state


def like(value: Any, own: Any, name: str) -> Any:
    """Return `value` in the form of `own`, which a new run has there: what `own` does not know is left out.

    Numbers are counts or rates. Raises ValueError if the form differs.
    """
    if isinstance(own, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{name} is {shown(value)}, no dict")
        return {key: like(value.get(key, each), each, f"{name}.{key}") for key, each in own.items()}
    if isinstance(own, list):
        if not isinstance(value, list) or len(value) != len(own):
            raise ValueError(f"{name} is {shown(value)}, no list of {len(own)}")
        return [
            like(each, other, f"{name}.{index}") for index, (each, other) in enumerate(zip(value, own, strict=True))
        ]
    if own is None:
        return None
    if isinstance(own, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {shown(value)}, neither true nor false")
        return value
    return count(value, name) if isinstance(own, int) else _rate(value, name)


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"{name} is {shown(part)}, no dict")
    return part


def _rate(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be 0 or more, got {shown(value)}")
    return float(value)


def _require_steps(loops: Mapping[str, Any], step: int, *, epochs: int) -> None:
    """Raise ValueError if the loops have not counted `step` steps, or more than `epochs`."""
    counted = loops[STEPS]["optimizer"]["step"]["total"]["completed"]
    if counted != step:
        raise ValueError(f"global_step is {step}, and its loops have counted {counted}")
    if (epoch := max(loops["epoch_progress"]["current"].values())) > epochs:
        raise ValueError(f"it is in epoch {epoch} of {epochs}")


def _callbacks(states: Mapping[str, Any], trainer: L.Trainer) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the states to take over: the best score so far, and the epoch whose images were shown last."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        key, own = callback.state_key, callback.state_dict()
        if key not in states or not own:
            continue
        state = _part(states, key)
        if isinstance(callback, BestCheckpoint):
            yield key, {"best_model_score": _score(state.get("best_model_score"))}
        elif isinstance(callback, Patience):
            waited, best = count(state.get("wait_count"), "wait_count"), _score(state.get("best_score"))
            yield key, {**own, "wait_count": waited, "best_score": own["best_score"] if best is None else best}
        elif not isinstance(callback, ModelCheckpoint):  # whose folder and names are the run's
            yield key, {name: None if state.get(name) is None else count(state[name], name) for name in own}


def _averaged(content: Mapping[str, Any], module: nn.Module, path: Path) -> dict[str, Any]:
    """Return the weights themselves, whose mean is the state dict, and how many steps it is of."""
    weights = named_tensors(content.get(WEIGHTS), WEIGHTS)
    require_fitting_weights(module.state_dict(), weights, path)
    steps = _part(content, MEAN_OF).get("n_averaged")
    if not isinstance(steps, Tensor) or steps.dim() or steps.is_floating_point():
        raise ValueError(f"{MEAN_OF}.n_averaged is {shown(steps)}, no number of steps")
    return {WEIGHTS: weights, MEAN_OF: {"n_averaged": torch.tensor(count(int(steps), "n_averaged"))}}


def _score(value: Any) -> Tensor | None:
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.dim() or not 0 <= value.item() <= 1:
        raise ValueError(f"the best score must be a number from 0 to 1, got {shown(value)}")
    return value.float()


def _optimisation(content: Mapping[str, Any], network: Segmenter, recipe: Recipe) -> dict[str, Any]:
    """Return the states of optimiser and schedule, in the form of new ones."""
    optimiser = recipe_optimiser(recipe, network, recipe.lr)
    schedule = build_schedule(optimiser, 1).state_dict()
    own = optimiser.state_dict()["param_groups"]
    states, schedules = content.get("optimizer_states"), content.get("lr_schedulers")
    if not isinstance(states, list) or len(states) != 1 or not isinstance(states[0], dict):
        raise ValueError(f"optimizer_states is {shown(states)}, no list of one dict")
    rates = [{name: group[name] for name in RATES} for group in own]
    saved = like(states[0].get("param_groups"), rates, "optimizer_states.param_groups")
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    return {
        "optimizer_states": [
            {
                "state": _moments(states[0].get("state"), parameters),
                "param_groups": [{**group, **kept} for group, kept in zip(own, saved, strict=True)],
            }
        ],
        "lr_schedulers": like(schedules, [schedule], "lr_schedulers"),
    }


def _moments(state: Any, parameters: list[nn.Parameter]) -> dict[int, dict[str, Tensor]]:
    """Return what an optimiser remembers of each parameter, by its place; tensors of the parameter's shape."""
    place = "optimizer_states.state"
    if not isinstance(state, dict) or not set(state) <= set(range(len(parameters))):
        raise ValueError(f"{place} is not that of {len(parameters)} parameters")
    kept = {}
    for index, moments in state.items():
        found = named_tensors(moments, f"{place}.{index}")
        for name, tensor in found.items():
            shape = () if name == "step" else parameters[index].shape
            if tensor.shape != shape or not tensor.is_floating_point() or not tensor.isfinite().all():
                raise ValueError(f"{place}.{index}.{name} is not finite, or of another shape than its parameter")
        kept[index] = {name: tensor.clone() for name, tensor in found.items()}
    return kept
