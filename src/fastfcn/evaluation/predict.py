"""Segment images that have no truth."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from omegaconf import DictConfig
from PIL import Image
from rich.progress import track

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.composition import plain, typed
from fastfcn.data.dataset import UInt8
from fastfcn.data.images import read_image
from fastfcn.data.listing import describe_left_out
from fastfcn.evaluation.inputs import find_images, require_apart
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.run import build_protocol
from fastfcn.evaluation.submission import open_submission
from fastfcn.memory import explain, is_out_of_memory
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter, Network
from fastfcn.models.normalisation import RGB
from fastfcn.options import Fraction, Name, holds
from fastfcn.reporting.pictures import index_png, legend, overlay, save_picture

DEVICE = re.compile("auto|cpu|mps|(cuda|xpu)(:[0-9]+)?")
Device = Annotated[str, holds("auto, cpu, cuda or cuda:N", lambda value: DEVICE.fullmatch(value) is not None)]


@dataclass(frozen=True)
class PredictionConfig:
    """The root of conf/predict.yaml, resolved."""

    checkpoint: Name
    images: Name
    output: Name
    protocol: dict[str, Any]
    opacity: Fraction
    device: Device
    optimize: bool
    submission: Literal["ade20k"] | None


def predict(config: DictConfig) -> None:
    """Write, for every image, an index mask and an overlay of its own size and name, and one legend."""
    keep_freed_memory()
    settings = typed(PredictionConfig, plain(config))
    source, output = Path(settings.images), Path(settings.output)
    paths = find_images(source)
    require_apart(source, output)
    left_out = describe_left_out(source) if source.is_dir() else None
    if left_out is not None:
        print(f"warning: {left_out}")
    checkpoint = read_checkpoint(settings.checkpoint)
    description = checkpoint.description
    protocol = build_protocol(settings.protocol, description.augmentation)
    trained = network_of(checkpoint).to(_device(settings.device))
    trained.statistics.require(RGB, "those that are read from files")
    network: Network = FastSegmenter(trained, compile_after=COMPILE_AFTER) if settings.optimize else trained
    save_picture(legend(description.classes, description.palette), output / "legend.png")
    upright = settings.submission is None and bool(description.data.get("upright", True))
    failures: dict[Path, str] = {}
    with open_submission(settings.submission, output, len(description.classes)) as submission:
        for path in track(paths, description="predicting"):
            try:
                image = read_image(path, upright=upright)
                labels = segment(network, protocol, image)
            except Exception as error:
                failures[path] = _reason(error)
                continue
            submission.add(path.stem, labels)
            _save(output, path.stem, image, labels, description.palette, settings.opacity)
        _require_none(failures, len(paths), settings)
    print(f"{len(paths)} predictions in {output}: masks/, overlays/, legend.png")


def _reason(error: Exception) -> str:
    """Say why one image cannot be predicted: damaged, or too large. Raises `error` if it is none of the image's."""
    if isinstance(error, ValueError):
        return str(error)
    if is_out_of_memory(error):
        return explain(error, "predict")
    raise error


def _save(
    output: Path, name: str, image: UInt8, labels: UInt8, palette: tuple[tuple[int, int, int], ...], opacity: float
) -> None:
    save_picture(index_png(labels, palette), output / "masks" / f"{name}.png")
    blended = overlay(image, labels, palette, opacity=opacity)
    save_picture(Image.fromarray(blended), output / "overlays" / f"{name}.jpg")


def _require_none(failures: Mapping[Path, str], images: int, settings: PredictionConfig) -> None:
    """Print why images failed, and raise ValueError with their number."""
    if not failures:
        return
    for path, reason in failures.items():
        print(f"{path}: {reason.removeprefix(f'{path} ')}", file=sys.stderr)
    rest = f"; the other predictions are in {settings.output}" if len(failures) < images else ""
    without = "" if settings.submission is None else ", and no submission.zip"
    raise ValueError(f"{len(failures)} of {images} images could not be predicted (named above){rest}{without}")


@torch.inference_mode()
def segment(network: Network, protocol: Protocol, image: UInt8) -> UInt8:
    """Return the class index of every pixel of an RGB image (H, W, 3)."""
    device = next(network.parameters()).device
    pixels = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).to(device)
    labels: UInt8 = protocol.labels(network, network.normalise(pixels))[0].to(torch.uint8).cpu().numpy()
    return labels


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device={name} is not here; use auto, cpu, cuda or cuda:N") from error
    return device
