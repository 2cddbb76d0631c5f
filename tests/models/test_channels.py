"""Images of other channels than RGB: their statistics, their first convolution, and what refuses them."""

import copy

import pytest
import torch

from fastfcn.checkpoints import build_network, outline
from fastfcn.composition import plain
from fastfcn.description import with_statistics
from fastfcn.models.backbone import Backbone
from fastfcn.models.cost import gflops
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.normalisation import IMAGENET
from fastfcn.models.pretrained import load_pretrained
from tests.conftest import TINY_MODEL, TINY_RUN


def test_statistics_follow_the_weights_that_read_a_channel() -> None:
    assert IMAGENET.of(3) == IMAGENET
    assert IMAGENET.of(1).mean == pytest.approx((0.449,), abs=1e-6)
    assert IMAGENET.of(5).mean == (0.485, 0.456, 0.406, 0.485, 0.456)
    assert IMAGENET.of(2).std == (0.229, 0.224)


@pytest.mark.parametrize("name", ["tu-test_resnet", "resnet18", "mit_b0"])
@pytest.mark.parametrize(("channels", "copies"), [(1, 1), (6, 2)])
def test_weights_of_rgb_are_taken_over(name: str, channels: int, copies: int, tmp_path) -> None:
    """One channel given to all three, or copies of RGB, are to the network what RGB was."""
    donor = Backbone(name).eval()
    torch.save(donor.encoder.state_dict(), tmp_path / "rgb.pth")
    backbone = Backbone(name, in_channels=channels, weights=str(tmp_path / "rgb.pth")).eval()
    load_pretrained(backbone)
    image = torch.randn(1, 1 if channels == 1 else 3, 64, 64)
    with torch.no_grad():
        ours = backbone(image.repeat(1, copies, 1, 1))
        reference = donor(image.expand(1, 3, 64, 64))
    torch.testing.assert_close(ours.c5, reference.c5, rtol=1e-4, atol=1e-4)


def test_a_network_of_four_channels_is_described_rebuilt_measured_and_made_fast(composed) -> None:
    model = plain(composed(*TINY_MODEL, "+model.backbone.in_channels=4").model)
    network = build_network(model, num_classes=5).eval()
    described = with_statistics(model, network.statistics)
    assert described["backbone"]["in_channels"] == len(described["backbone"]["mean"]) == 4
    outlined = outline(described, 5, "a checkpoint")
    assert {name: each.shape for name, each in outlined.state_dict().items()} == {
        name: each.shape for name, each in network.state_dict().items()
    }
    assert gflops(network, 64) > 0  # which counts on images of its channels
    images = torch.randint(0, 256, (1, 4, 40, 50), dtype=torch.uint8)
    with torch.no_grad():
        expected = network(images).logits
        fast = FastSegmenter(copy.deepcopy(network), compile_after=None)
        assert torch.allclose(fast(images).logits, expected, atol=1e-4)
    for wrong in (1, 3):
        with pytest.raises(ValueError, match=f"reads images of 4 channels .*, these images have {wrong}; take a"):
            network(images[:, :wrong])


@pytest.mark.parametrize(("option", "count"), [("mean", 3), ("std", 5)])
def test_statistics_have_a_value_a_channel(option: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"model.backbone.{option} has {count} values for images of 4 channels"):
        Backbone("tu-test_resnet", in_channels=4, **{option: (0.5,) * count})


def test_data_of_other_channels_are_refused(fails, tmp_path) -> None:
    line = fails("train", *TINY_RUN, "+model.backbone.in_channels=4", f"hydra.run.dir={tmp_path}")
    assert "reads images of 4 channels (model.backbone.in_channels), those of data=shapes have 3" in line
