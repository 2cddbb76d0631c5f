"""Whether BatchNorm has anything to take statistics of, said before training instead of at its first step."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from fastfcn.models.segmenter import Segmenter


def require_statistics(network: Segmenter, *, batch_size: int, crop_size: int) -> None:
    """Raise ValueError if a BatchNorm layer would see one value a channel, as after pooling one image to 1x1.

    Nothing is computed, the tensors are fake.
    """
    if batch_size > 1:
        return
    single: list[str] = []
    hooks = [
        module.register_forward_pre_hook(partial(_note, single, name))
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    training = network.training
    network.eval()
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        shape = (1, network.statistics.channels, crop_size, crop_size)
        network._call_impl(next(network.parameters()).new_zeros(shape))  # type: ignore[no-untyped-call]
    network.train(training)
    for hook in hooks:
        hook.remove()
    if single:
        raise ValueError(
            f"recipe.batch_size=1: BatchNorm needs more than one value a channel and {single[0]} would get one of each "
            "image; take recipe.batch_size=2 or more, or recipe.frozen_bn=true"
        )


def _note(single: list[str], name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
    x: Tensor = inputs[0]
    if x.numel() == x.shape[1]:
        single.append(name)
