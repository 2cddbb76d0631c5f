"""Networks from Python, by the names of the configuration."""

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from fastfcn import create_network
from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.features import Prediction
from fastfcn.models.segmenter import Segmenter


def names(network: Segmenter) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("preset", "options", "overrides"),
    [
        ("encnet_jpu", {}, []),  # the paper's network, whatever the default dataset suggests
        ("psp_os8", {"backbone": "resnet18"}, ["model/backbone=resnet18"]),
        (
            "fcn_jpu",
            {"backbone": "tu-test_resnet", "upsampling": "dysample", "head": "upernet", "width": 32,
             "auxiliary": False},
            ["model/upsampling=dysample", "model/head=upernet", "model.upsampling.width=32", "model.auxiliary=false",
             "model.backbone.name=tu-test_resnet"],
        ),
        (
            "deeplabv3_jpu",
            {"backbone": "tu-test_resnet", "output_stride": 16, "upsampling": "none", "in_channels": 5},
            ["model/upsampling=none", "model.backbone.output_stride=16", "model.backbone.name=tu-test_resnet",
             "+model.backbone.in_channels=5"],
        ),
    ],
)  # fmt: skip
def test_it_is_the_network_that_training_builds(preset: str, options, overrides: list[str], composed) -> None:
    with torch.device("meta"):
        ours = create_network(preset, classes=7, **options)
        config = composed(f"model={preset}", "~data", *overrides)
        assert names(ours) == names(build_network(plain(config.model), 7))
    assert ours.training


def test_shapes_and_weights() -> None:
    network = create_network("encnet_jpu", backbone="tu-test_resnet", classes=5, width=64)
    prediction = network(torch.zeros(2, 3, 41, 64))
    assert isinstance(prediction, Prediction)
    assert prediction.logits.shape == prediction.aux.shape == (2, 5, 41, 64)
    assert prediction.presence.shape == (2, 5)


def test_weights_of_a_file(tmp_path) -> None:
    donor = create_network("fcn_os8", backbone="tu-test_resnet", classes=2)
    torch.save(donor.backbone.encoder.state_dict(), tmp_path / "w.pth")
    network = create_network("psp_jpu", backbone="tu-test_resnet", classes=3, width=32, weights=tmp_path / "w.pth")
    for name, tensor in network.backbone.encoder.state_dict().items():
        assert torch.equal(tensor, donor.backbone.encoder.state_dict()[name])


@pytest.mark.parametrize(
    ("preset", "options", "message"),
    [
        ("encnet_jpuu", {}, "model=encnet_jpuu is not known; did you mean encnet_jpu? There are deeplabv3_jpu, "),
        ("segmenter", {}, "model=segmenter is not known"),
        ("../train", {}, "model=../train is not known"),
        ("fcn_jpu", {"head": "psq"}, "model/head=psq is not known; did you mean psp?"),
        ("fcn_jpu", {"upsampling": "carafee"}, "model/upsampling=carafee is not known; did you mean carafe?"),
        ("fcn_jpu", {"backbone": "resnot50"}, "resnot50 is not an SMP encoder; close names: resnet50"),
        ("fcn_jpu", {"backbone": "tu-test_resnet", "upsampling": "none", "width": 8}, "upsampling.width is not an opt"),
        ("fcn_jpu", {"width": 0}, "width must be between 1 and 65536, got 0"),
        ("fcn_jpu", {"output_stride": 4}, "output_stride=4 does not fit: input should be 8, 16 or 32"),
        ("fcn_jpu", {"classes": 0}, "classes must be between 1 and 255, got 0"),
        ("fcn_jpu", {"classes": 2.5}, "classes=2.5 does not fit"),
        ("fcn_jpu", {"backbone": "tu-test_resnet", "weights": "nowhere.pth"}, "nowhere.pth is no file"),
    ],
)
def test_what_is_not_known_is_said_in_one_line(preset: str, options, message: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        create_network(preset, **{"classes": 3, **options})
    assert message in str(error.value)


def test_an_application_of_hydra_goes_on(composed) -> None:
    outer = GlobalHydra.instance()
    outer.hydra = mark = object()
    try:
        create_network("fcn_jpu", backbone="tu-test_resnet", classes=2, width=16)
        assert GlobalHydra.instance().hydra is mark
    finally:
        GlobalHydra.instance().hydra = None
