"""The Encoding layer against the formula written out."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fastfcn.models.layers.encoding import Encoding


def expanded(x: torch.Tensor, codewords: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    residuals = x.flatten(2).transpose(1, 2).unsqueeze(2) - codewords  # (B, N, K, D)
    assignment = torch.softmax(scale * residuals.square().sum(-1), dim=-1)
    return (assignment.unsqueeze(-1) * residuals).sum(1)


def test_equals_the_expanded_formula_with_gradients() -> None:
    layer = Encoding(24, 6).double()
    x = torch.randn(2, 24, 5, 7, dtype=torch.double, requires_grad=True)
    weight = torch.randn(2, 6, 24, dtype=torch.double)
    for parameter in layer.parameters():
        parameter.data.mul_(3)
    results = []
    for encode in (layer, lambda x: expanded(x, layer.codewords, layer.scale)):
        codes = encode(x)
        gradients = torch.autograd.grad((codes * weight).sum(), (x, layer.codewords, layer.scale))
        results.append((codes, *gradients))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference)


def shares_memory(first: object, second: object) -> bool:
    tensors = isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor)
    return tensors and first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()


class LargestTensor(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        fresh = not any(result is argument or shares_memory(result, argument) for argument in args)
        if isinstance(result, torch.Tensor) and fresh:
            self.elements = max(self.elements, result.numel())
        return result


def test_allocates_nothing_larger_than_pixels_by_codewords() -> None:
    batch, channels, side, codewords = 2, 64, 30, 8
    layer, x = Encoding(channels, codewords), torch.randn(batch, channels, side, side)
    with LargestTensor() as largest:
        layer(x)
    assert largest.elements <= batch * side**2 * codewords


def test_zero_pixels_have_finite_gradients() -> None:
    x = torch.zeros(1, 8, 3, 3, requires_grad=True)
    layer = Encoding(8, 4)
    layer(x).sum().backward()
    assert x.grad.isfinite().all()
    assert layer.scale.grad.isfinite().all()


def test_initialisation_is_the_papers() -> None:
    layer = Encoding(512, 32)
    assert layer.codewords.abs().max() <= (32 * 512) ** -0.5
    assert layer.scale.max() <= 0
    assert layer.scale.min() >= -1
