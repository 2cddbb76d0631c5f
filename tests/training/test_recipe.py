"""The recipe: rates by role and step."""

import pytest
import torch
from torch import nn

from fastfcn.training.optimisers import build_optimiser, parameter_groups
from fastfcn.training.recipe import Recipe
from fastfcn.training.schedules import build_schedule


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(1, 1, bias=False)
        self.upsampling = nn.Identity()
        self.head = nn.Linear(1, 1, bias=False)


def test_a_step_moves_each_part_at_its_rate() -> None:
    toy = Toy()
    optimiser = build_optimiser(parameter_groups(toy, 0.1, 10.0), weight_decay=0.0)
    before = {name: parameter.item() for name, parameter in toy.named_parameters()}
    for parameter in toy.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    assert before["backbone.weight"] - toy.backbone.weight.item() == pytest.approx(0.1, rel=1e-5)
    assert before["head.weight"] - toy.head.weight.item() == pytest.approx(1.0, rel=1e-5)


def test_steps_gather_momentum() -> None:
    toy = Toy()
    optimiser = build_optimiser(parameter_groups(toy, 0.1, 10.0), weight_decay=0.0)
    before = toy.backbone.weight.item()
    for _ in range(3):
        toy.backbone.weight.grad = torch.ones_like(toy.backbone.weight)
        optimiser.step()
    assert before - toy.backbone.weight.item() == pytest.approx(0.1 * (1 + 1.9 + 2.71), rel=1e-5)


def test_weight_decay_is_on_every_parameter() -> None:
    toy = Toy()
    optimiser = build_optimiser(parameter_groups(toy, 0.1, 10.0), weight_decay=0.5)
    before = toy.head.weight.item()
    for parameter in toy.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    assert toy.head.weight.item() == pytest.approx(before * (1 - 0.5), rel=1e-5)


def test_poly_schedule_first_middle_last_and_beyond() -> None:
    optimiser = build_optimiser(parameter_groups(Toy(), 0.1, 10.0), weight_decay=0.0)
    schedule = build_schedule(optimiser, total_steps=10)
    rates = []
    for _ in range(12):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(0.1 * 0.5**0.9)
    assert rates[9] == pytest.approx(0.1 * 0.1**0.9)
    assert rates[10] == rates[11] == 0


def recipe(**changes) -> Recipe:
    options = {
        "lr": 0.01, "head_lr_factor": 10.0, "epochs": 1, "batch_size": 16, "weight_decay": 1e-4, "workers": 0,
        "frozen_bn": False, "channels_last": False, "compile": False,
        "checkpoint_backbone": False,
    }  # fmt: skip
    return Recipe(**{**options, **changes})


def test_the_rate_scales_with_the_effective_batch() -> None:
    assert recipe().effective_lr(16) == pytest.approx(0.01)
    assert recipe().effective_lr(4) == pytest.approx(0.0025)


@pytest.mark.parametrize("change", [{"lr": 0.0}, {"epochs": 0}, {"batch_size": 0}, {"workers": -1}])
def test_values_that_cannot_train(change: dict) -> None:
    with pytest.raises(ValueError, match=f"recipe.{next(iter(change))} must"):
        recipe(**change)
