"""Recipes beyond the paper's: AdamW, warm-up, averaged weights, freezing, patience."""

import csv
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from fastfcn.checkpoints import build_network, read_checkpoint
from fastfcn.composition import plain
from fastfcn.files import write_atomically
from fastfcn.models.segmenter import Segmenter
from fastfcn.training import checkpoint_io
from fastfcn.training.freezing import Freezing, stage_parameters
from fastfcn.training.module import SegmentationModule
from fastfcn.training.optimisers import recipe_optimiser
from fastfcn.training.recipe import Recipe
from fastfcn.training.resume import require_same_run
from fastfcn.training.schedules import build_schedule
from tests.conftest import TINY_MODEL, TINY_RUN, call_train

RUN = (*TINY_RUN, "recipe=finetune", "recipe.epochs=3", "recipe.frozen_stages=2", "recipe.frozen_epochs=1")


def recipe(**changes) -> Recipe:
    return Recipe(0.01, 1, 16, 0, 10.0, 0.05, False, False, False, False, optimizer="adamw", **changes)


@pytest.fixture
def network(composed) -> Segmenter:
    return build_network(plain(composed(*TINY_MODEL).model), num_classes=5)


def test_adamw_decays_weights_alone_and_keeps_the_rates_by_role(network: Segmenter) -> None:
    groups = recipe_optimiser(recipe(), network, 0.01).param_groups
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    grouped = [names[id(parameter)] for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(names.values())
    for group in groups:
        assert group["lr"] == (0.01 if group["name"].startswith("backbone") else pytest.approx(0.1))
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.0 if parameter.ndim <= 1 else 0.05), names[id(parameter)]


@pytest.mark.parametrize(
    ("name", "suggested"),
    [("mit_b0", True), ("tu-test_convnext", True), ("resnet18", False), ("tu-test_efficientnet", False)],
)
def test_layer_norms_suggest_a_recipe(name: str, suggested: bool, composed, caplog: pytest.LogCaptureFixture) -> None:
    model = composed("model=fcn_jpu", f"model.backbone.name={name}", "model.upsampling.width=8").model
    network = build_network(plain(model), num_classes=5)
    caplog.set_level("INFO", logger="fastfcn")
    recipe_optimiser(replace(recipe(), optimizer="sgd"), network, 0.01)
    assert ("recipe=finetune" in caplog.text) == suggested


def test_embeddings_of_positions_are_not_decayed() -> None:
    toy = nn.Module()
    toy.backbone = nn.Linear(2, 2)
    toy.backbone.pos_embed = nn.Parameter(torch.zeros(1, 4, 2))
    toy.backbone.relative_position_bias_table = nn.Parameter(torch.zeros(9, 2))
    decays = {tuple(each.shape): group["weight_decay"] for group in recipe_optimiser(recipe(), toy, 0.1).param_groups
              for each in group["params"]}  # fmt: skip
    assert decays == {(2, 2): 0.05, (2,): 0.0, (1, 4, 2): 0.0, (9, 2): 0.0}


def test_rates_fall_towards_the_image(network: Segmenter) -> None:
    optimiser = recipe_optimiser(recipe(stage_decay=0.5), network, 0.01)
    rate = {id(parameter): group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    for stage, expected in zip(stage_parameters(network.backbone), (0.00125, 0.0025, 0.005, 0.01), strict=True):
        assert [rate[id(parameter)] for parameter in stage] == pytest.approx([expected] * len(stage))
    assert max(rate[id(parameter)] for parameter in network.head.parameters()) == pytest.approx(0.1)


@pytest.mark.parametrize(("shape", "half"), [("poly", 0.5**0.9), ("cosine", 0.5)])
def test_warm_up_then_the_schedule(shape: str, half: float) -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = build_schedule(optimiser, 100, shape=shape, warmup=0.1)
    factor = schedule.lr_lambdas[0]
    assert [factor(step) for step in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert factor(10) == 1
    assert factor(55) == pytest.approx(half)
    assert factor(99) > factor(100) == pytest.approx(0)


def test_stages_part_the_backbone(network: Segmenter) -> None:
    stages = stage_parameters(network.backbone)
    assert sorted(id(each) for stage in stages for each in stage) == sorted(map(id, network.backbone.parameters()))
    names = {id(parameter): name for name, parameter in network.backbone.encoder.named_parameters()}
    starts = [{names[id(each)].split(".")[1] for each in stage} for stage in stages]
    assert starts == [{"conv1", "bn1", "layer1"}, {"layer2"}, {"layer3"}, {"layer4"}]


def test_frozen_for_good_learns_nothing(network: Segmenter) -> None:
    Freezing(network.backbone, stages=4, epochs=None)
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())
    optimised = [each for group in recipe_optimiser(recipe(), network, 0.1).param_groups for each in group["params"]]
    assert {id(each) for each in optimised} == {id(each) for each in network.parameters() if each.requires_grad}


class Stopped(Exception):  # noqa: N818
    pass


def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], None]) -> None:
    """Run until before optimiser step `step`, as if the process had been killed there."""
    start = SegmentationModule.on_train_batch_start

    def stop(self: SegmentationModule, batch: object, batch_idx: int) -> None:
        if self.global_step == step:
            raise Stopped
        start(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationModule, "on_train_batch_start", stop)
        with pytest.raises(Stopped):
            run()


def content(folder: Path, name: str = "last") -> dict:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def assert_equal(one: object, other: object) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_equal(first, second)
    else:
        assert one == other


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finetuned")
    call_train(*RUN, "checkpoint_every=2", f"hydra.run.dir={folder}")
    return folder


def test_frozen_stages_rest_in_the_first_epoch_and_learn_after_it(tmp_path: Path, script, monkeypatch) -> None:
    options = (*RUN, "checkpoint_every=2", f"hydra.run.dir={tmp_path}", "seed=3")
    begun: dict[str, torch.Tensor] = {}
    fit = SegmentationModule.on_train_start

    def remember(self: SegmentationModule) -> None:
        begun.update({name: tensor.clone() for name, tensor in self.network.state_dict().items()})
        fit(self)

    monkeypatch.setattr(SegmentationModule, "on_train_start", remember)
    stopped_at(4, monkeypatch, lambda: script("train", *options))
    after, rested = content(tmp_path)["current_model_state"], ("layer1", "layer2", "conv1", "bn1")
    for name, tensor in begun.items():
        if tensor.is_floating_point():  # BatchNorm's statistics too
            rests = name.startswith(tuple(f"backbone.encoder.model.{part}" for part in rested))
            assert torch.equal(after[f"network.{name}"], tensor) == rests, name
    script("train", *options, "resume=last")
    thawed = content(tmp_path)["current_model_state"]
    name = next(name for name in begun if name.endswith("layer1.0.conv1.weight"))
    assert not torch.equal(thawed[f"network.{name}"], begun[name])


@pytest.mark.parametrize("step", [7, *(pytest.param(other, marks=pytest.mark.slow) for other in (3, 9))])
def test_killed_and_resumed_equals_unbroken(step: int, unbroken: Path, tmp_path: Path, script, monkeypatch) -> None:
    options = (*RUN, "checkpoint_every=2", f"hydra.run.dir={tmp_path}")
    stopped_at(step, monkeypatch, lambda: script("train", *options))
    script("train", *options, "resume=last")
    for name in ("last", "best"):
        ours, reference = content(tmp_path, name), content(unbroken, name)
        for key in ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers"):
            assert_equal(ours[key], reference[key])


def test_stopped_by_a_signal_and_resumed_equals_unbroken(unbroken: Path, tmp_path: Path, script, monkeypatch) -> None:
    step = SegmentationModule.on_train_batch_end

    def signalled(self: SegmentationModule, *args: object) -> None:
        if self.global_step == 6:  # no multiple of checkpoint_every, in the middle of an epoch
            os.kill(os.getpid(), signal.SIGUSR1)
        step(self, *args)

    options = (*RUN, "checkpoint_every=100", f"hydra.run.dir={tmp_path}")
    with monkeypatch.context() as patch:
        patch.setattr(SegmentationModule, "on_train_batch_end", signalled)
        with pytest.raises(SystemExit):
            script("train", *options)
    assert content(tmp_path)["global_step"] == 7
    script("train", *options, "resume=last")
    for key in ("state_dict", "current_model_state", "averaging_state"):
        assert_equal(content(tmp_path)[key], content(unbroken)[key])


def test_no_checkpoint_is_there_before_the_rows_that_lead_to_it(tmp_path: Path, script, monkeypatch) -> None:
    """A run killed right after it, and resumed from it, could not make them up."""
    table, seen = tmp_path / "metrics.csv", []

    def rows() -> list[dict[str, str]]:
        with table.open(newline="") as file:
            return list(csv.DictReader(file))

    def watched(path: Path, written: bytes) -> None:
        write_atomically(path, written)
        if path.name == "last.ckpt":
            seen.append((content(tmp_path)["global_step"], [row["step"] for row in rows()]))

    monkeypatch.setattr(checkpoint_io, "write_atomically", watched)
    script("train", *RUN, "checkpoint_every=2", f"hydra.run.dir={tmp_path}")
    assert [step for step, _ in seen] == [2, 4, 6, 8, 10, 12]
    steps = [row["step"] for row in rows()]
    for saved, there in seen:
        assert [step for step in there if int(step) < saved] == [step for step in steps if int(step) < saved]


def test_the_mean_is_what_is_kept_and_scored(unbroken: Path) -> None:
    last = content(unbroken)
    name = "network.head.classify.1.weight"
    assert not torch.equal(last["state_dict"][name], last["current_model_state"][name])
    assert int(last["averaging_state"]["n_averaged"]) == 12


def test_patience_ends_a_training_that_gets_no_better(tmp_path: Path, script) -> None:
    options = (*TINY_RUN, "recipe.epochs=6", "recipe.patience=2", "recipe.lr=1.0e-12", f"hydra.run.dir={tmp_path}")
    script("train", *options)
    assert content(tmp_path)["epoch"] == 2  # the first is the best, two more are no better


def test_a_run_from_before_these_options_can_be_resumed(trained: Path) -> None:
    checkpoint = read_checkpoint(trained / "checkpoints" / "last.ckpt")
    now = checkpoint.description
    recipe = {name: value for name, value in now.recipe.items() if name not in ("optimizer", "schedule", "ema")}
    augmentation = {name: value for name, value in now.augmentation.items() if name not in ("rotate", "extra")}
    former = replace(now, recipe=recipe, augmentation=augmentation)
    require_same_run(replace(checkpoint, description=former), now)
    with pytest.raises(ValueError, match=r"recipe.optimizer=sgd, now it is adamw"):
        require_same_run(replace(checkpoint, description=former), replace(now, recipe={**recipe, "optimizer": "adamw"}))
    with pytest.raises(ValueError, match=r"augmentation.rotate=0.0, now it is 5.0"):
        require_same_run(
            replace(checkpoint, description=former), replace(now, augmentation={**augmentation, "rotate": 5.0})
        )
    with pytest.raises(ValueError, match=r"augmentation.extra=\[\], now it is \['CLAHE'\]"):
        require_same_run(
            replace(checkpoint, description=former), replace(now, augmentation={**augmentation, "extra": ["CLAHE"]})
        )
