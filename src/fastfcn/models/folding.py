"""BatchNorm folded into the convolutions before it, for inference."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fastfcn.models.features import Prediction
from fastfcn.models.segmenter import Segmenter

log = logging.getLogger(__name__)

TOLERANCE = 1e-4  # of the largest absolute output


@torch.no_grad()
def fold_batch_norm(network: Segmenter) -> int:
    """Fold every BatchNorm that directly follows a convolution into its weights, in place; return how many.

    What follows what is seen in a forward pass. Should the folded network compute anything else (a convolution read
    twice), all is put back and a warning given.
    """
    reference = next(network.parameters())
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(1, network.statistics.channels, 64, 64, generator=generator).to(reference)
    with _pairs(network) as pairs:
        before = network(probe)
    swaps: list[tuple[nn.Module, str, nn.Module]] = []
    for convolution, norm in pairs:
        changes: list[tuple[nn.Module, nn.Module]] = [
            (convolution, fuse_conv_bn_eval(convolution, norm)),
            (norm, _after(norm)),
        ]
        for old, new in changes:
            parent, name = _place(network, old)
            swaps.append((parent, name, old))
            setattr(parent, name, new)
    if not _equal(before, network(probe)):
        for parent, name, old in swaps:
            setattr(parent, name, old)
        log.warning("BatchNorm is not folded: %s would compute something else", network.backbone.name)
        return 0
    return len(pairs)


@contextmanager
def _pairs(network: nn.Module) -> Iterator[list[tuple[nn.Conv2d, _BatchNorm]]]:
    """Fill a list, while the network runs, with the convolutions whose output a BatchNorm reads."""
    pairs: list[tuple[nn.Conv2d, _BatchNorm]] = []
    outputs: list[tuple[nn.Conv2d, Tensor]] = []  # kept alive, so that identity tells them apart

    def after_convolution(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        outputs.append((module, output))

    def before_norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, _BatchNorm)
        pairs.extend((convolution, module) for convolution, output in outputs if output is inputs[0])

    handles = [
        *(m.register_forward_hook(after_convolution) for m in network.modules() if isinstance(m, nn.Conv2d)),
        *(m.register_forward_pre_hook(before_norm) for m in network.modules() if isinstance(m, _BatchNorm)),
    ]
    try:
        yield pairs
    finally:
        for handle in handles:
            handle.remove()


def _after(norm: _BatchNorm) -> nn.Module:
    """Return what is left of a folded norm: nothing, or the activation that timm's `BatchNormAct2d` holds."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


def _place(network: nn.Module, module: nn.Module) -> tuple[nn.Module, str]:
    path = next(name for name, each in network.named_modules() if each is module)
    parent, _, name = path.rpartition(".")
    return network.get_submodule(parent), name


def _equal(one: Prediction, other: Prediction) -> bool:
    pairs = [(one.logits, other.logits)]
    if one.presence is not None and other.presence is not None:
        pairs.append((one.presence, other.presence))
    return all(bool((a - b).abs().max() <= TOLERANCE * a.abs().max()) for a, b in pairs)
