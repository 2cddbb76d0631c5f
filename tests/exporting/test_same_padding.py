"""TensorFlow's padding turned, against itself."""

import copy

import pytest
import torch

from fastfcn import create_network
from fastfcn.exporting.same_padding import Turned, turn_same_padding
from fastfcn.models.folding import fold_batch_norm


@pytest.mark.parametrize("fold", [True, False])
def test_a_turned_network_computes_the_same(fold: bool) -> None:
    network = create_network("fcn_jpu", backbone="efficientnet_lite0", classes=3, width=8, auxiliary=False).eval()
    turned = copy.deepcopy(network)
    if fold:
        fold_batch_norm(turned)
    assert turn_same_padding(turned)
    for size in ((64, 64), (63, 98), (37, 33)):
        images = torch.randn(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(turned(images).logits, network(images).logits, rtol=1e-4, atol=1e-4)


def test_a_network_of_ordinary_padding_is_left_alone() -> None:
    network = create_network("fcn_jpu", backbone="resnet18", classes=3, width=8)
    assert not turn_same_padding(network)
    assert not isinstance(network.backbone.encoder, Turned)
