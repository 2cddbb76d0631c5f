"""Resizing: the gradient that GPUs are given, against PyTorch's own."""

import pytest
import torch
import torch.nn.functional as F

from fastfcn.models.layers.resize import ResizeByProducts, shrink, shrink_by_products
from tests.stand_in import fake_cuda


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(
    ("small", "large"), [((5, 7), (40, 53)), ((1, 1), (9, 4)), ((6, 8), (3, 16)), ((4, 1), (4, 5))]
)
def test_the_gradient_by_products_is_pytorchs(small, large, align_corners: bool) -> None:
    x = torch.randn(2, 3, *small, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(2, 3, *large, dtype=torch.float64)
    expected = F.interpolate(x, large, mode="bilinear", align_corners=align_corners)
    own = ResizeByProducts.apply(x, large, align_corners)
    assert torch.equal(own, expected)
    (reference,), (gradient,) = (torch.autograd.grad(y, x, upstream) for y in (expected, own))
    torch.testing.assert_close(gradient, reference, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(shrink(upstream, small, align_corners=align_corners), reference, rtol=1e-12, atol=1e-12)


def test_half_precision_is_summed_in_float32() -> None:
    upstream = torch.randn(1, 2, 64, 64).bfloat16()
    expected = shrink_by_products(upstream.double(), (8, 8), align_corners=True)
    with torch.autocast("cpu", torch.bfloat16):
        own = shrink_by_products(upstream, (8, 8), align_corners=True)
    assert own.dtype == torch.bfloat16
    torch.testing.assert_close(own.double(), expected, rtol=2**-8, atol=1e-3)


def test_nothing_waits_for_a_gpu() -> None:
    with fake_cuda():  # where asking for a number raises
        shrunk = shrink(torch.zeros(1, 2, 16, 24, device="cuda"), (4, 6), align_corners=True)
    assert (shrunk.device.type, tuple(shrunk.shape)) == ("cuda", (1, 2, 4, 6))
