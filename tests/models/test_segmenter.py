"""Every upsampling module with every head: what they promise to each other."""

from typing import Any

import pytest
import torch

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.entry import CONF
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.optimisers import parameter_groups
from tests.conftest import TINY_MODEL

HEADS: dict[str, dict[str, Any]] = {}  # composed once each
MODELS: dict[str, dict[str, Any]] = {}


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("head", options("model/head"))
@pytest.mark.parametrize("upsampling", options("model/upsampling"))
def test_every_combination(upsampling: str, head: str, composed) -> None:
    if head not in HEADS:
        HEADS[head] = plain(composed(f"model/head={head}", *TINY_MODEL).model)["head"]
    if upsampling not in MODELS:
        MODELS[upsampling] = plain(composed(f"model/upsampling={upsampling}", *TINY_MODEL).model)
    network = build_network({**MODELS[upsampling], "head": HEADS[head]}, num_classes=5)
    masks = torch.randint(0, 5, (2, 43, 65))
    prediction = network(torch.randn(2, 3, 43, 65))
    assert prediction.logits.shape == prediction.aux.shape == (2, 5, 43, 65)
    assert prediction.presence is None or prediction.presence.shape == (2, 5)
    SegmentationLoss(aux_weight=0.4, presence_weight=0.2)(prediction, masks).total.backward()
    without_gradient = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without_gradient == []


@pytest.mark.parametrize("head", options("model/head"))
def test_parameters_are_in_exactly_one_group(head: str, composed) -> None:
    network = build_network(plain(composed(f"model/head={head}", *TINY_MODEL).model), num_classes=5)
    groups = parameter_groups(network, 0.1, 10.0)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    assert {group["name"]: group["lr"] for group in groups}["backbone"] == 0.1
    assert all(group["lr"] == 1.0 for group in groups if group["name"] != "backbone")


@pytest.mark.parametrize("size", [(33, 33), (64, 40), (97, 129), (1, 1)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int], composed) -> None:
    network = build_network(plain(composed("model=psp_jpu", *TINY_MODEL).model), num_classes=3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, *size)).logits.shape == (1, 3, *size)


def test_lateral_connections_are_an_option_of_encnet(composed) -> None:
    overrides = ("model=encnet_os8", "model.head.lateral=true", *TINY_MODEL)
    network = build_network(plain(composed(*overrides).model), num_classes=5).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 65, 65)).logits.shape == (1, 5, 65, 65)
    assert any("lateral" in name for name, _ in network.named_parameters())


def test_first_convolution_of_encnet_depends_on_the_map(composed) -> None:
    for upsampling, kernel in {"jpu": 1, "jpu_x": 1, "none": 3, "bilinear": 3, "fpn": 3}.items():
        network = build_network(plain(composed(f"model/upsampling={upsampling}", *TINY_MODEL).model), num_classes=5)
        assert network.head.reduce[0].kernel_size == (kernel, kernel), upsampling
