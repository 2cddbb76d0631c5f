"""Pooling by matrix products against PyTorch's own."""

import copy

import pytest
import torch
from timm.layers import AvgPool2dSame
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


@pytest.mark.parametrize("side", [2, 3])
def test_a_pool_that_pads_by_steps_of_one_pads_alike_for_any_size(side: int) -> None:
    pool = AvgPool2dSame(side, 1, ceil_mode=True, count_include_pad=False)
    network = nn.Sequential(copy.deepcopy(pool), AvgPool2dSame(2, 2))
    replace_pools(network)
    assert not isinstance(network[0], AvgPool2dSame)
    assert isinstance(network[1], AvgPool2dSame)
    for size in ((5, 8), (1, 3)):
        x = torch.randn(1, 2, *size)
        torch.testing.assert_close(network[0](x), pool(x))


@torch.no_grad()
def test_what_is_traced_for_any_size_takes_maps_of_as_many_rows_as_a_pool_has_bins() -> None:
    pools = PyramidPools(4, 2, (1, 2, 3, 6), align_corners=True).eval()
    replace_pools(pools)
    sides = {axis: torch.export.Dim.DYNAMIC for axis in (2, 3)}
    traced = torch.export.export(pools, (torch.randn(2, 4, 12, 20),), dynamic_shapes=(sides,)).module()
    for size in ((6, 3), (2, 12), (7, 6), (5, 9)):
        x = torch.randn(2, 4, *size)
        torch.testing.assert_close(traced(x), pools(x))
