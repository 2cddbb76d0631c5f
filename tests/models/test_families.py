"""Encoders that want padding, and those with parameters that nothing reads."""

import contextlib

import pytest
import torch
import torch.nn.functional as F

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.backbone import Backbone
from tests.models.families import FAMILIES, PAGE, page, try_encoder


@pytest.mark.parametrize(
    ("name", "multiple", "least"),
    [("tu-dla46x_c", 32, 32), ("tu-convnext_atto", 1, 32), ("efficientnet-b0", 1, 32), ("resnet18", 1, 1)],
)
def test_padding_where_an_encoder_wants_it(name: str, multiple: int, least: int) -> None:
    backbone = Backbone(name).eval()
    assert (backbone.padding.multiple, backbone.padding.least) == (multiple, least)
    for height, width in ((64, 96), (65, 97), (24, 100), (1, 1)):
        image = torch.randn(1, 3, height, width)
        high, wide = (max(-(-side // multiple) * multiple, least) for side in (height, width))
        padded = F.pad(image, (0, wide - width, 0, high - height))
        with torch.no_grad():
            maps, whole = backbone(image), backbone.encoder(padded)[2:]
        for ours, full, stride in zip((maps.c2, maps.c3, maps.c4, maps.c5), whole, (4, 8, 16, 32), strict=True):
            cut = full[..., : -(-height // stride), : -(-width // stride)] if padded is not image else full
            assert torch.equal(ours, cut)
            assert 0 not in ours.shape


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tu-nest_tiny", "makes no maps at strides 4 to 32 of it .*; docs/backbones.md lists those that can"),
        ("tu-mvitv2_tiny", "cannot take images of any size"),
    ],
)
def test_an_encoder_that_cannot_serve_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Backbone(name)


def require_gradients(name: str, composed, upsampling: str, *, auxiliary: bool) -> int:
    """Train one step; return how many parameters are frozen because nothing reads them."""
    overrides = [
        "model=fcn_jpu",
        f"model/upsampling={upsampling}",
        f"model.backbone.name={name}",
        f"model.auxiliary={auxiliary}",
    ]
    if upsampling == "jpu":
        overrides.append("model.upsampling.width=32")
    network = build_network(plain(composed(*overrides).model), num_classes=3)
    prediction = network(torch.randn(2, 3, 64, 64))
    (prediction.logits.sum() + (prediction.aux.sum() if auxiliary else 0)).backward()
    missing = [
        each for each, parameter in network.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert missing == [], f"{name}: DDP would wait for these"
    return sum(not parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(("upsampling", "auxiliary"), [("jpu", True), ("none", False)])
def test_every_trainable_parameter_gets_a_gradient(upsampling: str, auxiliary: bool, composed) -> None:
    assert require_gradients("tu-test_resnet", composed, upsampling, auxiliary=auxiliary) == 0
    assert require_gradients("timm-efficientnet-b0", composed, upsampling, auxiliary=auxiliary) > 0


def test_frozen_parameters_stay_in_the_state_dict() -> None:
    assert any("_conv_head" in name for name in Backbone("efficientnet-b0").state_dict())


def test_a_network_is_built_on_the_meta_device(composed) -> None:
    model = plain(composed("model=encnet_jpu", "model.backbone.name=efficientnet-b0").model)
    with torch.device("meta"):
        described = build_network(model, num_classes=5)
    real = build_network(model, num_classes=5)
    assert all(each.is_meta for each in described.state_dict().values())
    assert {name: each.shape for name, each in described.state_dict().items()} == {
        name: each.shape for name, each in real.state_dict().items()
    }


@pytest.mark.slow
def test_the_page_of_backbones_is_what_they_do() -> None:
    """118 families, minutes."""
    assert PAGE.read_text() == page({name: try_encoder(name) for name in FAMILIES})


@pytest.mark.slow
def test_every_family_that_serves_trains_all_that_it_would_wait_for(composed) -> None:
    """118 families, minutes."""
    trained = 0
    for name in FAMILIES:
        with contextlib.suppress(ValueError):  # it cannot serve, as the page says
            require_gradients(name, composed, "jpu", auxiliary=True)
            trained += 1
    assert trained > 70
