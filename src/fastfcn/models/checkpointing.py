"""Activation checkpointing of a backbone: what its stages compute is computed again in the backward pass, not kept.

Sublinear memory cost (arXiv:1604.06174), a stage at a time, for about a third more time.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_stages(encoder: nn.Module, forward: Callable[[], object]) -> int:
    """Have every stage of `encoder`, changed in place, keep only its input while training; return their number.

    `forward` runs it on something small: what is called is a stage, and what is not (a transformer goes through its
    list of blocks by itself) holds the stages.
    """
    stages = list(_stages(encoder, _called(encoder, forward)))
    for stage in stages:
        forward = partial(_checkpointed, stage, stage.forward)
        stage.forward = forward
    return len(stages)


# dynamo knows no checkpoint with contexts: recipe.compile leaves the stages as they are
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _checkpointed(stage: nn.Module, forward: Any, *inputs: Any, **options: Any) -> Any:
    if not (stage.training and torch.is_grad_enabled()):
        return forward(*inputs, **options)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _kept_statistics(stage)

    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts, **options)


@contextmanager
def _kept_statistics(stage: nn.Module) -> Iterator[None]:
    """Keep BatchNorm's running statistics as they are: the first pass has counted this batch already."""
    norms = [module for module in stage.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    counts: list[Tensor] = []
    for norm in norms:
        norm.momentum = 0.0
        assert norm.num_batches_tracked is not None
        counts.append(norm.num_batches_tracked.clone())
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.copy_(count)


@torch.no_grad()
def _called(encoder: nn.Module, forward: Callable[[], object]) -> set[nn.Module]:
    called: set[nn.Module] = set()
    handles = [each.register_forward_pre_hook(lambda module, _: called.add(module)) for each in encoder.modules()]
    training = encoder.training
    encoder.eval()
    forward()
    encoder.train(training)
    for handle in handles:
        handle.remove()
    return called


def _stages(module: nn.Module, called: set[nn.Module]) -> Iterator[nn.Module]:
    """Find the parts to checkpoint: below wrappers and lists, every module that has parts of its own."""
    inner = [child for child in module.children() if any(True for _ in child.children())]
    if len(inner) == 1:
        yield from _stages(inner[0], called)
        return
    for child in inner:
        if child in called:
            yield child
        else:
            yield from _stages(child, called)
