"""Pooling by matrix products against PyTorch's own."""

import pytest
import torch
from torch import nn

from fastfcn.exporting.pooling import BinMeans, replace_pools


@pytest.mark.parametrize("side", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(12, 18), (7, 11), (4, 3), (1, 1)])
def test_means_of_bins_are_those_of_adaptive_pooling(side: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(BinMeans(side)(x), nn.AdaptiveAvgPool2d(side)(x))


def test_every_square_pool_is_replaced() -> None:
    network = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(3)), nn.AdaptiveAvgPool2d((2, 5)))
    replace_pools(network)
    assert isinstance(network[0][0], BinMeans)
    assert isinstance(network[1], nn.AdaptiveAvgPool2d)
