"""What a network is made of and what it costs, without running it: parts, parameters, operations."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fastfcn.models.segmenter import Segmenter


def network_facts(network: Segmenter) -> dict[str, Any]:
    """Return what is known of a network without running it."""
    return {
        "model": describe(network),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "gflops": gflops(network),
    }


def describe(network: Segmenter) -> dict[str, Any]:
    """Name the parts of a network as the configuration does."""
    return {
        "backbone": network.backbone.name,
        "output_stride": network.backbone.output_stride,
        "upsampling": _file_of(network.upsampling),
        "head": _file_of(network.head),
    }


def _file_of(part: object) -> str:
    return type(part).__module__.rpartition(".")[2]


def gflops(network: Segmenter, size: int = 512) -> float:
    """Count the floating-point operations of one image of `size` x `size`, in 1e9; a multiply-add counts as two.

    512 is the size of the paper's speed table. A backbone built for images of fewer pixels is given those.
    """
    return gflops_by_part(network, size)["total"]


def gflops_by_part(network: Segmenter, size: int = 512) -> dict[str, float]:
    """Count as `gflops`, for `total` and for backbone, upsampling, head and auxiliary where there is one."""
    counter = count_flops(network, network.statistics.channels, network.backbone.padding.measured(size))
    counts = counter.get_flop_counts()
    root = type(network).__name__
    parts = {name: sum(counts.get(f"{root}.{name}", {}).values()) for name, _ in network.named_children()}
    return {name: round(count / 1e9, 3) for name, count in {"total": counter.get_total_flops(), **parts}.items()}


def count_flops(network: nn.Module, channels: int, size: int) -> FlopCounterMode:
    """Count the operations of one pass of `network` over an image of `channels` x `size` x `size`.

    Nothing is computed, the tensors are fake, unless an encoder reads a number off them (Gemma 4's); `_call_impl` is
    the call that leaves a compiled network alone. Attention is taken apart into matrix products, as the counter does
    not know a CPU's own kernel for it.
    """
    training = network.training
    network.eval()
    try:
        return _count(network, channels, size, FakeTensorMode(allow_non_fake_inputs=True))
    except DataDependentOutputException:
        return _count(network, channels, size, nullcontext())
    finally:
        network.train(training)


def _count(network: nn.Module, channels: int, size: int, tensors: AbstractContextManager[Any]) -> FlopCounterMode:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), tensors, counter:
        images = next(network.parameters()).new_zeros(1, channels, size, size)
        network._call_impl(images)  # type: ignore[no-untyped-call]
    return counter
