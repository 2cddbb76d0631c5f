"""Training: the parts of a step, and the memory of its activations."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from omegaconf import DictConfig
from rich.table import Table
from torch import Tensor

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.entries import build_entry, model_configs
from fastfcn.benchmarking.peak_memory import peak_memory
from fastfcn.benchmarking.reference import expand_encodings
from fastfcn.benchmarking.timing import Timing, synchronise
from fastfcn.composition import build, plain
from fastfcn.data.dataset import IGNORE
from fastfcn.metrics import SegmentationScores
from fastfcn.models.segmenter import Segmenter
from fastfcn.numerics import Precision, Precisions, autocast
from fastfcn.options import NOT_EMPTY
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.optimisers import build_optimiser, parameter_groups

PARTS = ("forward", "loss", "backward", "optimiser", "step", "validation", "metric")
PLAIN = "fastfcn.benchmarking.reference.PlainLoss"
LR = 1e-3  # any small one: weights only have to stay finite


@dataclass
class Subject:
    """A network on one path, with all that a training step takes."""

    entry: str
    path: str
    precision: Precision
    network: Segmenter
    loss: SegmentationLoss
    optimiser: torch.optim.Optimizer
    metric: SegmentationScores
    timings: dict[str, Timing] = field(default_factory=lambda: {part: Timing() for part in PARTS})
    memory: int | None = None


Paths = Annotated[tuple[Literal["plain", "own", "compiled"], ...], NOT_EMPTY]


class TrainBenchmark(Benchmark):
    """Measures training and validation steps of the networks in `models`, in turn, on random images, by part.

    `own` is the suite's step; `plain` has the Encoding layer expanded and the loss on full-size logits of the whole
    batch; `compiled` is `own` with recipe.channels_last and recipe.compile. Memory is that of activations: weights,
    gradients and the optimiser's state are there before.
    """

    def __init__(self, *, paths: Paths, precisions: Precisions, checkpoint_backbone: bool) -> None:
        self.paths = paths
        self.precisions = precisions
        self.checkpoint_backbone = checkpoint_backbone

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        images = cache(lambda channels: torch.randn(config.batch, channels, config.size, config.size, device=device))
        masks = torch.randint(0, config.classes, (config.batch, config.size, config.size), device=device)
        masks[:, : config.size // 10] = IGNORE
        subjects = [
            self._subject(entry, path, precision, model, config, device)
            for entry, model in model_configs(config).items()
            for path in self.paths
            for precision in self.precisions
        ]
        for number in range(config.rounds + 1):
            for subject in subjects:
                _round(subject, images(subject.network.statistics.channels), masks, device, counted=number > 0)
        for subject in subjects:
            pixels = images(subject.network.statistics.channels)
            subject.memory = peak_memory(partial(_gradients, subject, pixels, masks), device)
        self.report(
            config, folder, device, models=[_row(subject) for subject in subjects], table=_table(subjects, config)
        )

    def _subject(
        self,
        entry: str,
        path: str,
        precision: Precision,
        model: dict[str, Any],
        config: DictConfig,
        device: torch.device,
    ) -> Subject:
        network = build_entry(model, config.classes).to(device).train()
        if path == "plain":
            expand_encodings(network)
        elif self.checkpoint_backbone:
            network.backbone.checkpoint_activations()
        if path == "compiled":
            network.to(memory_format=torch.channels_last)
            network.compile()
        node = plain(config.loss)
        loss = build({**node, "_target_": PLAIN} if path == "plain" else node, "loss").to(device)
        optimiser = build_optimiser(parameter_groups(network, LR, 1.0), 0.0)
        metric = SegmentationScores(config.classes).to(device)
        return Subject(entry, path, precision, network, loss, optimiser, metric)


def _round(subject: Subject, images: Tensor, masks: Tensor, device: torch.device, *, counted: bool) -> None:
    """Take one training and one validation step, timing the parts."""
    seconds: dict[str, float] = {}

    def timed(part: str, work: Callable[[], Any]) -> Any:
        synchronise(device)
        started = time.perf_counter()
        result = work()
        synchronise(device)
        seconds[part] = time.perf_counter() - started
        return result

    subject.network.train()
    subject.optimiser.zero_grad(set_to_none=False)
    with autocast(subject.precision, device):
        prediction = timed("forward", lambda: subject.network(images, upsample=subject.path == "plain"))
        losses = timed("loss", lambda: subject.loss(prediction, masks, align_corners=subject.network.align_corners))
    timed("backward", losses.total.backward)
    timed("optimiser", subject.optimiser.step)
    seconds["step"] = sum(seconds.values())
    subject.network.eval()
    with torch.inference_mode(), autocast(subject.precision, device):
        labels = timed("validation", lambda: subject.network(images).logits.argmax(1))
        timed("metric", lambda: subject.metric.update(labels, masks))
    if counted:
        for part, value in seconds.items():
            subject.timings[part].seconds.append(value)


def _gradients(subject: Subject, images: Tensor, masks: Tensor) -> None:
    """Do what of a training step needs memory; the gradients are there from the rounds before."""
    subject.network.train()
    with autocast(subject.precision, images.device):
        prediction = subject.network(images, upsample=subject.path == "plain")
        losses = subject.loss(prediction, masks, align_corners=subject.network.align_corners)
    losses.total.backward()


def _row(subject: Subject) -> dict[str, Any]:
    return {
        "model": subject.entry,
        "path": subject.path,
        "precision": subject.precision,
        "milliseconds": {part: timing.milliseconds() for part, timing in subject.timings.items()},
        "activation_memory_bytes": subject.memory,
        "metric_share_of_validation": round(subject.timings["metric"].median / subject.timings["validation"].median, 5),
    }


def _table(subjects: list[Subject], config: DictConfig) -> Table:
    table = Table(title=f"training step, {config.batch}x3x{config.size}x{config.size}, {config.classes} classes, ms")
    table.add_column("part")
    for subject in subjects:
        table.add_column(f"{subject.entry} {subject.path} {subject.precision}", justify="right", overflow="fold")
    for part in PARTS:
        table.add_row(part, *(subject.timings[part].text() for subject in subjects))
    memories = [subject.memory for subject in subjects]
    table.add_row("activations, MB", *("?" if memory is None else f"{memory / 1e6:.0f}" for memory in memories))
    return table
