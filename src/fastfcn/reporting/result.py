"""result.json: what a run measured, and what made it."""

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from fastfcn.files import write_atomically
from fastfcn.models.cost import network_facts
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
