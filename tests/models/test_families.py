"""Encoders that want padding, and those with parameters that nothing reads."""

import contextlib

import pytest
import torch
import torch.nn.functional as F

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.backbone import Backbone
from fastfcn.models.padding import Padding, find_padding
from tests.conftest import TINY_RUN
from tests.models.families import FAMILIES, PAGE, page, try_encoder


@pytest.mark.parametrize(
    ("name", "multiple", "least"),
    [("tu-dla46x_c", 32, 32), ("tu-convnext_atto", 32, 32), ("efficientnet-b0", 32, 32), ("resnet18", 1, 1)],
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
        ("tu-nest_tiny", "no maps at strides 4 to 32 can be made of it .*; docs/backbones.md lists those that can"),
        ("tu-crossvit_tiny_240", r"no maps at strides 4 to 32 can be made of it \(its maps are at stride 12, 17\)"),
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
    """All families: half an hour on a busy core."""
    assert PAGE.read_text() == page({name: try_encoder(name) for name in FAMILIES})


@pytest.mark.slow
def test_every_family_that_serves_trains_all_that_it_would_wait_for(composed) -> None:
    """All families: half an hour on a busy core."""
    trained = 0
    for name in FAMILIES:
        with contextlib.suppress(ValueError):  # it cannot serve, as the page says
            require_gradients(name, composed, "jpu", auxiliary=True)
            trained += 1
    assert trained > 70


def test_an_encoder_of_one_size_is_padded_to_it_and_refuses_more() -> None:
    backbone = Backbone("tu-efficientformerv2_s0").eval()
    assert backbone.padding == Padding(least=224, most=224)
    image = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        maps, whole = backbone(image), backbone.encoder(F.pad(image, (0, 224 - 97, 0, 224 - 65)))[2:]
    for ours, full, stride in zip((maps.c2, maps.c3, maps.c4, maps.c5), whole, (4, 8, 16, 32), strict=True):
        assert torch.equal(ours, full[..., : -(-65 // stride), : -(-97 // stride)])
    message = r"takes images of up to 224x224, got 65x300; .*crop_size=224.*\+model.backbone.image_size=320"
    with pytest.raises(ValueError, match=message):
        backbone(torch.zeros(1, 3, 65, 300))
    assert Backbone("tu-efficientformerv2_s0", image_size=320).padding == Padding(least=320, most=320)


def test_crops_that_are_too_large_are_refused_before_training(fails, tmp_path) -> None:
    options = (
        "model.backbone.name=tu-efficientformerv2_s0",
        "augmentation.crop_size=256",
        "augmentation.base_size=256",
    )
    line = fails("train", *TINY_RUN, *options, f"hydra.run.dir={tmp_path}")
    assert "takes images of up to 224x224, got 256x256" in line
    assert not (tmp_path / "checkpoints").exists()


class Sized:
    """Stands for an encoder that has places for `side` pixels, and an opinion on other sizes."""

    def __init__(self, side: int, *, windows: bool = False) -> None:
        self.side, self.windows = side, windows

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        height, width = images.shape[-2:]
        if self.windows and (height % self.side or width % self.side):
            raise RuntimeError("no whole windows")
        if not self.windows and max(height, width) > self.side:
            raise IndexError("no place")  # smaller images are taken, with the wrong places
        return [images.new_zeros(1, 1, -(-height // stride), -(-width // stride)) for stride in STRIDES]


STRIDES = (4, 8, 16, 32)


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (Sized(224), Padding(least=224, most=224)),
        (Sized(288), Padding(least=288, most=288)),  # wider than the first guess
        (Sized(512), Padding(least=512, most=512)),
        (Sized(224, windows=True), Padding(multiple=224, least=224)),
        (Sized(32, windows=True), Padding(multiple=32, least=32)),
    ],
)
def test_sizes_are_found(encoder: Sized, expected: Padding) -> None:
    """Above all: one that takes smaller images than its own by misplacing them is not believed."""
    assert find_padding(encoder, 1, STRIDES, encoder.side) == expected


def test_one_that_rounds_sides_down_sees_all_pixels() -> None:
    backbone = Backbone("tu-test_convnext").eval()
    image = torch.zeros(1, 3, 64, 95)
    brighter = image.clone()
    brighter[..., -1] = 5
    with torch.no_grad():
        assert not torch.equal(backbone(image).c2, backbone(brighter).c2)
