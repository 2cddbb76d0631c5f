"""result.json: what a run measured, and what made it."""

import platform
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fastfcn.files import write_atomically
from fastfcn.models.segmenter import Segmenter
from fastfcn.reporting.schema import RESULT, Result

PACKAGES = (
    "torch",
    "lightning",
    "hydra-core",
    "torchmetrics",
    "segmentation-models-pytorch",
    "timm",
    "albumentations",
    "wandb",
)


def build_result(
    *,
    metrics: dict[str, float],
    iou: dict[str, float],
    network: Segmenter | Mapping[str, Any],
    device: torch.device,
    data: str,
    seed: int | None,
    seconds: float,
    **more: Any,
) -> Result:
    """Return what a result file holds; metrics are fractions in 0..1, classes that occur nowhere have no IoU.

    `network` is one, or what `network_facts` told of one.
    """
    facts = network if isinstance(network, Mapping) else network_facts(network)
    return Result(
        metrics=metrics,
        iou={name: None if value != value else value for name, value in iou.items()},
        model=facts["model"],
        data=data,
        seed=seed,
        commit=commit(),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})",
        parameters=facts["parameters"],
        gflops=facts["gflops"],
        seconds=round(seconds, 1),
        **more,
    )


def write_result(folder: Path, result: Result) -> None:
    """Write result.json, with what was given alone, whole or not at all."""
    write_atomically(folder / RESULT, (result.model_dump_json(indent=2, exclude_unset=True) + "\n").encode())


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


def commit() -> str | None:
    """Return the commit of the source tree, marked `-dirty` with local changes; None where it is no checkout."""
    folder = Path(__file__).parents[3]
    if not (folder / ".git").exists():
        return None
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()
