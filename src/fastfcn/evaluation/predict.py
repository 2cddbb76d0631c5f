"""Segment images that have no truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from omegaconf import DictConfig
from PIL import Image
from rich.progress import track

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.composition import plain, typed
from fastfcn.data.dataset import UInt8
from fastfcn.data.images import SUFFIXES, list_images, read_image
from fastfcn.data.listing import describe_left_out
from fastfcn.data.loading import normalise
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.run import build_protocol
from fastfcn.evaluation.submission import open_submission
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter, Network
from fastfcn.options import Fraction, Name
from fastfcn.reporting.pictures import index_png, legend, overlay, save_picture


@dataclass(frozen=True)
class PredictionConfig:
    """The root of conf/predict.yaml, resolved."""

    checkpoint: Name
    images: Name
    output: Name
    protocol: dict[str, Any]
    opacity: Fraction
    device: Name
    optimize: bool
    submission: Literal["ade20k"] | None


def predict(config: DictConfig) -> None:
    """Write, for every image, an index mask and an overlay of its own size and name, and one legend."""
    keep_freed_memory()
    settings = typed(PredictionConfig, plain(config))
    paths = find_images(Path(settings.images))
    left_out = describe_left_out(Path(settings.images)) if Path(settings.images).is_dir() else None
    if left_out is not None:
        print(f"warning: {left_out}")
    checkpoint = read_checkpoint(settings.checkpoint)
    protocol = build_protocol(settings.protocol, checkpoint.description.augmentation)
    trained = network_of(checkpoint).to(_device(settings.device))
    network: Network = FastSegmenter(trained, compile_after=COMPILE_AFTER) if settings.optimize else trained
    output, palette = Path(settings.output), checkpoint.description.palette
    submission = open_submission(settings.submission, output, len(checkpoint.description.classes))
    save_picture(legend(checkpoint.description.classes, palette), output / "legend.png")
    upright = settings.submission is None and bool(checkpoint.description.data.get("upright", True))
    for path in track(paths, description="predicting"):
        image = read_image(path, upright=upright)
        labels = segment(network, protocol, image)
        save_picture(index_png(labels, palette), output / "masks" / f"{path.stem}.png")
        submission.add(path.stem, labels)
        blended = overlay(image, labels, palette, opacity=settings.opacity)
        save_picture(Image.fromarray(blended), output / "overlays" / f"{path.stem}.jpg")
    submission.close()
    print(f"{len(paths)} predictions in {output}: masks/, overlays/, legend.png")


def find_images(source: Path) -> list[Path]:
    """Return the image at `source`, or all in that folder.

    Raises FileNotFoundError if there are none, ValueError if two would be written under one name.
    """
    paths = list_images(source) if source.is_dir() else [source] if source.is_file() else []
    if not paths:
        raise FileNotFoundError(f"images={source} holds no images ({', '.join(SUFFIXES)})")
    stems: dict[str, Path] = {}
    for path in paths:
        other = stems.setdefault(path.stem, path)
        if other != path:
            raise ValueError(f"{other.name} and {path.name} would both become {path.stem}.png; rename one")
    return paths


@torch.inference_mode()
def segment(network: Network, protocol: Protocol, image: UInt8) -> UInt8:
    """Return the class index of every pixel of an RGB image (H, W, 3)."""
    device = next(network.parameters()).device
    pixels = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).to(device)
    labels: UInt8 = protocol.scores(network, normalise(pixels))[0].argmax(0).to(torch.uint8).cpu().numpy()
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
