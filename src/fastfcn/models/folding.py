"""BatchNorm folded into the convolutions before it, for inference."""

import copy
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fastfcn.models.features import Prediction
from fastfcn.models.segmenter import Segmenter

log = logging.getLogger(__name__)

TOLERANCE = 1e-6  # of the largest absolute output, in float64
PROBE = 64  # pixels a side


@torch.no_grad()
def fold_batch_norm(network: Segmenter) -> int:
    """Fold every BatchNorm that directly follows a convolution into its weights, in place; return how many.

    What follows what is seen in a forward pass. Should the folded network compute anything else (a convolution read
    twice), nothing is folded and a warning given. Both are asked of a copy in float64 on the CPU, where no setting of
    a GPU (TF32, half precision) rounds.
    """
    exact = copy.deepcopy(network).to("cpu", torch.float64)
    generator = torch.Generator().manual_seed(0)
    shape = (1, network.statistics.channels, PROBE, PROBE)
    probe = torch.randn(shape, generator=generator, dtype=torch.float64)
    with torch.autocast("cpu", enabled=False):
        with _pairs(exact) as pairs:
            before = exact(probe)
        pairs = _one_to_one(pairs)
        _fold(exact, pairs)
        if not _equal(before, exact(probe)):
            log.warning("BatchNorm is not folded: %s would compute something else", network.backbone.name)
            return 0
    _fold(network, pairs)
    return len(pairs)


def _fold(network: nn.Module, pairs: list[tuple[str, str]]) -> None:
    """Fold each pair of a convolution and a norm, given by their places."""
    for place, after in pairs:
        convolution, norm = network.get_submodule(place), network.get_submodule(after)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, _BatchNorm)
        network.set_submodule(place, fuse_conv_bn_eval(convolution, norm))
        network.set_submodule(after, _after(norm))


@contextmanager
def _pairs(network: nn.Module) -> Iterator[list[tuple[str, str]]]:
    """Fill a list, while the network runs, with the places of convolutions and of the BatchNorm that reads each."""
    pairs: list[tuple[str, str]] = []
    places = {module: name for name, module in network.named_modules()}
    outputs: list[tuple[nn.Conv2d, Tensor]] = []  # kept alive, so that identity tells them apart

    def after_convolution(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        outputs.append((module, output))

    def before_norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, _BatchNorm)
        pairs.extend((places[each], places[module]) for each, output in outputs if output is inputs[0])

    handles = [
        *(m.register_forward_hook(after_convolution) for m in network.modules() if isinstance(m, nn.Conv2d)),
        *(m.register_forward_pre_hook(before_norm) for m in network.modules() if isinstance(m, _BatchNorm)),
    ]
    try:
        yield pairs
    finally:
        for handle in handles:
            handle.remove()


def _one_to_one(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out norms that read several convolutions, and convolutions that several norms read."""
    distinct = list(dict.fromkeys(pairs))
    counts = Counter(place for pair in distinct for place in pair)
    return [pair for pair in distinct if all(counts[place] == 1 for place in pair)]


def _after(norm: _BatchNorm) -> nn.Module:
    """Return what is left of a folded norm: nothing, or the activation that timm's `BatchNormAct2d` holds."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


def _equal(one: Prediction, other: Prediction) -> bool:
    pairs = [(one.logits, other.logits)]
    if one.presence is not None and other.presence is not None:
        pairs.append((one.presence, other.presence))
    return all(bool((a - b).abs().max() <= TOLERANCE * a.abs().max()) for a, b in pairs)
