"""Fit, or measure, the temperature of a checkpoint's probabilities on a split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.composition import typed, without_training
from fastfcn.console import plain_console
from fastfcn.data.augmentation import to_sample
from fastfcn.data.dataset import Split
from fastfcn.data.labelled import SCORING, require_labelled
from fastfcn.data.loading import EvaluationSamples
from fastfcn.data.workers import worker_options
from fastfcn.evaluation.evaluate import open_data
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.installation import how_to_call
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter
from fastfcn.numerics import Precision, set_numerics
from fastfcn.options import AtLeastOne, Name, Workers
from fastfcn.prediction.calibration import (
    Calibration,
    Quality,
    Temperature,
    fit_temperature,
    measure,
    pooled,
    sample,
    write_calibration,
)
from fastfcn.prediction.journal import digest
from fastfcn.prediction.maps import Unknown
from fastfcn.prediction.predictor import Device, Predictor
from fastfcn.prediction.processes import device_of


@dataclass(frozen=True)
class CalibrationConfig:
    """The root of conf/calibrate.yaml, resolved."""

    checkpoint: Name
    data: dict[str, Any]
    split: Name | None
    protocol: dict[str, Any]
    numerics: dict[str, Any]
    temperature: Temperature | None
    pixels: AtLeastOne
    device: Device
    precision: Precision
    workers: Workers
    optimize: bool


def calibrate(config: DictConfig) -> None:
    """Print how probabilities stand to the truth at temperature 1 and at the fitted one, which is kept."""
    keep_freed_memory()
    settings = typed(CalibrationConfig, without_training(config))
    set_numerics(settings.numerics)
    checkpoint = read_checkpoint(settings.checkpoint)
    if checkpoint.pinned and settings.temperature is None:
        raise ValueError(
            f"{checkpoint.pinned} is no file to keep a temperature beside: {how_to_call('hub')} pull, or "
            "give temperature=NUMBER, which measures alone"
        )
    network = network_of(checkpoint).to(device_of(settings.device))
    data = open_data(checkpoint, settings.data)
    network.statistics.require(data.channels, f"those of data={data.name}")
    name = settings.split or data.val_split
    split = data.split(name)
    require_labelled(data, name, SCORING)
    protocol = build_protocol(settings.protocol, checkpoint.description.augmentation)
    fast = FastSegmenter(network, compile_after=COMPILE_AFTER) if settings.optimize else network
    predictor = Predictor(fast, protocol, 1.0, Unknown("confidence", None), settings.precision)
    scores, truth = pooled(_samples(predictor, split, settings))
    before = measure(scores, truth, 1.0)
    temperature = settings.temperature or fit_temperature(scores, truth)
    after = measure(scores, truth, temperature)
    _print_table(f"{data.name} {name}, protocol {protocol.name}, {len(truth)} pixels", temperature, before, after)
    if settings.temperature is None:
        calibration = Calibration(
            temperature, digest(settings.checkpoint), data.name, name, protocol.name, len(split), len(truth),
            before.error, after.error,
        )  # fmt: skip
        path = write_calibration(settings.checkpoint, calibration)
        print(f"{path}: predict.py takes it by temperature=calibrated, or give temperature={temperature:.4f}")


def _samples(predictor: Predictor, split: Split, settings: CalibrationConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield scores and classes of pixels of every image, drawn by one seed."""
    generator = torch.Generator().manual_seed(0)
    count = max(settings.pixels // len(split), 1)
    device = next(predictor.network.parameters()).device
    samples = EvaluationSamples(split, to_sample)
    loader = DataLoader(samples, batch_size=1, **worker_options(settings.workers))
    for batch in track(loader, "calibrating", len(split)):
        scores = predictor.scores(predictor.network.normalise(batch.image.to(device)))
        yield sample(scores[0], batch.mask[0].to(device), count, generator)


def _print_table(title: str, temperature: float, before: Quality, after: Quality) -> None:
    table = Table("temperature", "calibration error, %", "negative log likelihood", title=title)
    for value, quality in ((1.0, before), (temperature, after)):
        table.add_row(f"{value:.4f}", f"{100 * quality.error:.2f}", f"{quality.likelihood:.4f}")
    plain_console().print(table)
