"""Inference: latency, memory and the share of the machine's peak."""

from collections.abc import Callable
from dataclasses import dataclass
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
from fastfcn.benchmarking.timing import Timing, interleave, matrix_products, product_gflop
from fastfcn.console import plain_console
from fastfcn.models.cost import describe, gflops_by_part
from fastfcn.models.inference import FastSegmenter, Network
from fastfcn.models.segmenter import Segmenter
from fastfcn.numerics import Precision, Precisions, autocast
from fastfcn.options import NOT_EMPTY


@dataclass(frozen=True)
class Subject:
    """A network on one path, and what is known of it without running it."""

    entry: str
    path: str
    precision: Precision
    network: Network
    parameters: int
    gflops: dict[str, float]
    description: dict[str, Any]

    def forward(self, images: Tensor) -> object:
        """Pass images (B, C, H, W) in the precision asked for."""
        with autocast(self.precision, images.device):
            return self.network(images)


Paths = Annotated[tuple[Literal["plain", "eager", "fast"], ...], NOT_EMPTY]


class ForwardBenchmark(Benchmark):
    """Measures forward passes of the networks in `models`, in turn, on one or more `paths` in one or more `precisions`.

    `fast` is what evaluate.py and predict.py run; `eager` the network as it was trained, auxiliary head included;
    `plain` that with the Encoding layer expanded, as in the authors' code. The peak that shares refer to is the
    fastest float32 matrix product of several, measured in the same rounds.
    """

    def __init__(self, *, paths: Paths, precisions: Precisions, compiled: bool) -> None:
        self.paths = paths
        self.precisions = precisions
        self.compiled = compiled

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        images = cache(lambda channels: torch.randn(config.batch, channels, config.size, config.size, device=device))
        subjects = [
            self._subject(entry, path, precision, model, config, device)
            for entry, model in model_configs(config).items()
            for path in self.paths
            for precision in self.precisions
        ]
        with torch.inference_mode():
            works: dict[str, Callable[[], object]] = {
                f"{subject.entry} {subject.path} {subject.precision}": partial(
                    subject.forward, images(subject.network.statistics.channels)
                )
                for subject in subjects
            }
            for work in works.values():
                work()  # compiles
            products = matrix_products(device)
            timings = interleave({**products, **works}, config.rounds, device)
            memory = {name: peak_memory(work, device) for name, work in works.items()}
        peak = max(product_gflop(name) / timings[name].median for name in products)
        rows = [
            _row(subject, timings[name], memory[name], config.batch, peak)
            for name, subject in zip(works, subjects, strict=True)
        ]
        plain_console().print(_parts_table(rows))
        self.report(
            config,
            folder,
            device,
            table=_table(rows, config, device, peak),
            peak_gflops_per_second=round(peak, 1),
            models=rows,
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
        network: Segmenter = build_entry(model, config.classes).to(device)
        description = describe(network)
        if path == "fast":
            network.auxiliary = None
        counts = gflops_by_part(network, config.size)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        if path == "plain":
            expand_encodings(network)
        ready: Network = network
        if path == "fast":
            ready = FastSegmenter(network, compile_after=0 if self.compiled else None)
        return Subject(entry, path, precision, ready, parameters, counts, description)


def _row(subject: Subject, timing: Timing, memory: int | None, batch: int, peak: float) -> dict[str, Any]:
    speed = batch * subject.gflops["total"] / timing.median
    return {
        "model": subject.entry,
        "path": subject.path,
        "precision": subject.precision,
        **subject.description,
        "parameters": subject.parameters,
        "gflops": subject.gflops["total"],
        "gflops_by_part": {name: count for name, count in subject.gflops.items() if name != "total"},
        "latency_ms": timing.milliseconds(),
        "fps": round(batch / timing.median, 3),
        "peak_memory_bytes": memory,
        "gflops_per_second": round(speed, 1),
        "share_of_peak": round(speed / peak, 3),
    }


def _table(rows: list[dict[str, Any]], config: DictConfig, device: torch.device, peak: float) -> Table:
    title = (
        f"forward, {config.batch}x3x{config.size}x{config.size}, {device}, "
        f"{torch.get_num_threads()} threads, peak {peak:.0f} GFLOP/s"
    )
    table = Table(title=title)
    for name in ("model", "path", "precision"):
        table.add_column(name, overflow="fold")
    for name in ("GFLOPs", "ms, median (range)", "FPS", "memory, MB", "of peak"):
        table.add_column(name, justify="right")
    for row in rows:
        latency, memory = row["latency_ms"], row["peak_memory_bytes"]
        table.add_row(
            row["model"],
            row["path"],
            row["precision"],
            f"{row['gflops']:.1f}",
            f"{latency['median']:.1f} ({latency['min']:.1f}-{latency['max']:.1f})",
            f"{row['fps']:.2f}",
            "?" if memory is None else f"{memory / 1e6:.0f}",
            f"{row['share_of_peak']:.0%}",
        )
    return table


def _parts_table(rows: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(part for row in rows for part in row["gflops_by_part"]))
    table = Table(title="GFLOPs of an image by part")
    table.add_column("model", overflow="fold")
    table.add_column("parameters, M", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    complete = {row["model"]: row for row in reversed(rows)}  # a plain row knows the auxiliary head
    for model, row in reversed(complete.items()):
        counts = row["gflops_by_part"]
        cells = [f"{counts[name]:.1f}" if name in counts else "" for name in names]
        table.add_row(model, f"{row['parameters'] / 1e6:.1f}", *cells)
    return table
