"""One image a process: BatchNorm over a map of one pixel is refused before training."""

import pytest
import torch

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.statistics import require_statistics
from tests.conftest import TINY_MODEL


@pytest.fixture
def network(request: pytest.FixtureRequest, composed) -> Segmenter:
    return build_network(plain(composed(f"model={request.param}", *TINY_MODEL).model), num_classes=3)


@pytest.mark.parametrize(
    ("network", "crop_size", "layer"),
    [("psp_jpu", 64, "head.pools"), ("deeplabv3_os8", 64, "head.aspp.image_pool"), ("fcn_jpu", 32, "backbone.encoder")],
    indirect=["network"],
)
def test_a_layer_of_one_value_a_channel_is_named(network: Segmenter, crop_size: int, layer: str) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=rf"BatchNorm needs .* {layer}.* recipe.batch_size=2 .*recipe.frozen_bn=true"):
        require_statistics(network, batch_size=1, crop_size=crop_size)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    require_statistics(network, batch_size=2, crop_size=crop_size)
    network(torch.zeros(2, 3, crop_size, crop_size))


@pytest.mark.parametrize("network", ["fcn_jpu", "encnet_jpu", "encnet_os8"], indirect=True)
def test_one_image_is_enough_where_nothing_is_pooled(network: Segmenter) -> None:
    require_statistics(network, batch_size=1, crop_size=64)
    network(torch.zeros(1, 3, 64, 64))
