"""The network as it leaves, before it is traced."""

import copy

import pytest
import torch

from fastfcn import create_network
from fastfcn.exporting.deployed import Deployed, open_axes
from fastfcn.models.segmenter import Segmenter
from tests.exporting.examples import manifest


@pytest.fixture(scope="module")
def network() -> Segmenter:
    return create_network("fcn_jpu", backbone="tu-test_resnet", classes=3, width=8).eval()


@pytest.mark.parametrize("kind", ["uint8", "float"])
@pytest.mark.parametrize("outputs", ["logits", "probabilities", "labels"])
@torch.no_grad()
def test_images_become_what_is_asked_for(kind: str, outputs: str, network: Segmenter) -> None:
    told = manifest(input=kind, outputs=outputs, mean=network.statistics.mean, std=network.statistics.std)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    wanted = network(images).logits
    found = Deployed(copy.deepcopy(network), told)(images if kind == "uint8" else images / 255)
    if outputs == "labels":
        assert found.dtype == torch.uint8
        assert (found == wanted.argmax(1)).float().mean() > 0.999
    else:
        torch.testing.assert_close(found, wanted if outputs == "logits" else wanted.softmax(1), rtol=1e-4, atol=1e-4)


def test_what_is_not_given_is_open() -> None:
    assert open_axes(manifest()) == [0, 2, 3]
    assert open_axes(manifest(batch=2)) == [2, 3]
    assert open_axes(manifest(size=(64, 64))) == [0]
    assert open_axes(manifest(size=(64, 64), batch=1)) == []
