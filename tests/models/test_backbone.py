"""Backbones: the paper's dilation under every name, and clear refusals."""

import pytest
import torch
from torch import nn

from fastfcn.models.backbone import Backbone
from fastfcn.models.pretrained import load_pretrained


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilation_is_placed_as_timm_places_it(output_stride: int) -> None:
    """SMP's own ResNet, with the weights of timm's, gives the same maps; SMP's make_dilated would not."""
    timm_resnet = Backbone("tu-resnet18", output_stride=output_stride).eval()
    smp_resnet = Backbone("resnet18", output_stride=output_stride).eval()
    weights = {name.removeprefix("model."): tensor for name, tensor in timm_resnet.encoder.state_dict().items()}
    nn.Module.load_state_dict(smp_resnet.encoder, weights)
    image = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        ours, reference = smp_resnet(image), timm_resnet(image)
    torch.testing.assert_close(ours.c4, reference.c4, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.c5, reference.c5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50", [1, 2, 2, 2, 4, 4]),
        ("tu-resnet50s", [1, 2, 2, 2, 4, 4]),
        ("resnext50_32x4d", [1, 2, 2, 2, 4, 4]),
        ("se_resnet50", [2, 2, 2, 4, 4, 4]),  # its stride is in the 1x1 convolution before: the 3x3 is on the next grid
    ],
)
def test_first_block_keeps_the_receptive_field(name: str, expected: list[int]) -> None:
    encoder = Backbone(name, output_stride=8).encoder
    layers = dict(encoder.named_modules())
    prefix = "model." if name.startswith("tu-") else ""
    rates = [layers[f"{prefix}layer{layer}.{block}.conv2"].dilation[0] for layer in (3, 4) for block in (0, 1, 2)]
    assert rates == expected


@pytest.mark.parametrize(
    ("name", "strides"),
    [("tu-convnext_tiny", [4, 8, 16, 32]), ("mit_b0", [4, 8, 16, 32]), ("mobilenet_v2", [4, 8, 16, 32])],
)
def test_other_families_serve(name: str, strides: list[int]) -> None:
    maps = Backbone(name).eval()(torch.zeros(1, 3, 64, 64))
    assert [64 // features.shape[-1] for features in (maps.c2, maps.c3, maps.c4, maps.c5)] == strides


@pytest.mark.parametrize(
    ("name", "output_stride", "message"),
    [
        ("resnot50", 32, "close names: resnet50"),
        ("vgg16_bn", 8, "cannot be dilated to output stride 8"),
        ("densenet121", 16, "cannot be dilated to output stride 16"),
        ("tu-convmixer_768_32", 32, "cannot serve"),
        ("resnet50", 4, "must be 8, 16 or 32, got 4"),
    ],
)
def test_backbones_that_cannot_serve(name: str, output_stride: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Backbone(name, output_stride=output_stride)


def test_pretrained_weights_from_a_file(tmp_path) -> None:
    donor = Backbone("tu-test_resnet")
    weights = {name.removeprefix("model."): tensor for name, tensor in donor.encoder.state_dict().items()}
    path = tmp_path / "donor.pth"
    torch.save({**weights, "fc.weight": torch.zeros(10, 96), "fc.bias": torch.zeros(10)}, path)
    backbone = Backbone("tu-test_resnet", weights=str(path))
    assert load_pretrained(backbone) == str(path)
    for name, tensor in donor.encoder.state_dict().items():
        assert torch.equal(backbone.encoder.state_dict()[name], tensor)


def test_pretrained_weights_of_another_network_are_refused(tmp_path) -> None:
    path = tmp_path / "other.pth"
    torch.save(Backbone("tu-resnet18").encoder.state_dict(), path)
    with pytest.raises(ValueError, match=r"does not fit tu-test_resnet: .* tensors are missing or of another shape"):
        load_pretrained(Backbone("tu-test_resnet", weights=str(path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: None, r"1 tensors are missing or of another shape, first model.layer2.0.conv1.weight"),
        (lambda tensor: tensor[:1], "1 tensors are missing or of another shape"),  # which broadcasting would fit
        (lambda tensor: tensor.int(), "1 tensors are missing or of another shape"),
        (lambda tensor: torch.full_like(tensor, torch.nan), "conv1.weight"),
    ],
)
def test_one_tensor_that_does_not_fit_is_enough(change, message: str, tmp_path) -> None:
    """No tensor keeps its random values without a word."""
    donor = Backbone("tu-test_resnet").encoder.state_dict()
    name = "model.layer2.0.conv1.weight"
    weights = {**donor, name: change(donor[name])}
    path = tmp_path / "donor.pth"
    torch.save({key: tensor for key, tensor in weights.items() if tensor is not None}, path)
    backbone = Backbone("tu-test_resnet", weights=str(path))
    before = {key: tensor.clone() for key, tensor in backbone.encoder.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_pretrained(backbone)
    assert all(torch.equal(tensor, before[key]) for key, tensor in backbone.encoder.state_dict().items())


def test_files_from_before_batch_counters_fit(tmp_path) -> None:
    donor = Backbone("tu-test_resnet").encoder.state_dict()
    path = tmp_path / "old.pth"
    torch.save({key: tensor for key, tensor in donor.items() if not key.endswith("num_batches_tracked")}, path)
    backbone = Backbone("tu-test_resnet", weights=str(path))
    load_pretrained(backbone)
    assert all(torch.equal(tensor, donor[key]) for key, tensor in backbone.encoder.state_dict().items())


@pytest.mark.parametrize("name", ["tu-resnet50s", "resnet18"])
def test_imagenet_weights_without_network(name: str, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be had for .* model.backbone.weights=null"):
        load_pretrained(Backbone(name, weights="imagenet"))


def test_missing_weights_file() -> None:
    with pytest.raises(ValueError, match=r"model.backbone.weights=/nowhere.pth is no file"):
        load_pretrained(Backbone("tu-test_resnet", weights="/nowhere.pth"))
