"""Pooling by matrix products against PyTorch's own."""

import pytest
import torch
from torch import nn

from fastfcn.exporting.pooling import BinMeans, replace_pools
from fastfcn.models.layers.pyramid_pooling import PyramidPools


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


@torch.no_grad()
def test_what_is_traced_for_any_size_takes_maps_of_as_many_rows_as_a_pool_has_bins() -> None:
    pools = PyramidPools(4, 2, (1, 2, 3, 6), align_corners=True).eval()
    replace_pools(pools)
    sides = {axis: torch.export.Dim.DYNAMIC for axis in (2, 3)}
    traced = torch.export.export(pools, (torch.randn(2, 4, 12, 20),), dynamic_shapes=(sides,)).module()
    for size in ((6, 3), (2, 12), (7, 6), (5, 9)):
        x = torch.randn(2, 4, *size)
        torch.testing.assert_close(traced(x), pools(x))
