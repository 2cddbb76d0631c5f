"""Inference by the suite's fast path and by other software, in float32 and less."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from omegaconf import DictConfig
from rich.table import Table

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.entries import build_entry, model_configs
from fastfcn.benchmarking.peak_memory import peak_memory
from fastfcn.benchmarking.timing import Timing, interleave
from fastfcn.data.dataset import UInt8
from fastfcn.exporting.deployed import Deployed, trace
from fastfcn.exporting.manifest import Manifest, Precision
from fastfcn.exporting.onnx_format import OnnxFile, to_onnx
from fastfcn.exporting.quantisation import quantise
from fastfcn.exporting.runners import by_onnxruntime, by_openvino
from fastfcn.models.cost import network_facts
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.segmenter import Segmenter
from fastfcn.options import NOT_EMPTY, AtLeastOne

CPU = torch.device("cpu")
FAST = "fast"

Engine = Literal[
    "onnxruntime fp32", "onnxruntime int8", "openvino fp32", "openvino bf16", "openvino fp16", "openvino int8"
]
Engines = Annotated[tuple[Engine, ...], NOT_EMPTY]


class EnginesBenchmark(Benchmark):
    """Measures passes of the networks in `models`, on a CPU, by turns: the suite's fast path, then `engines`.

    int8 is calibrated on `calibration` random images: its results mean nothing, its time does. With `any_size` the
    files take images of any size and batch, as export.py writes them unless told otherwise.
    """

    def __init__(self, *, engines: Engines, calibration: AtLeastOne, any_size: bool) -> None:
        self.engines = engines
        self.calibration = calibration
        self.any_size = any_size

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        OnnxFile().require()
        rows = []
        for entry, model in model_configs(config).items():
            network = build_entry(model, config.classes)
            generator = np.random.default_rng(config.seed)
            shape = (config.batch, network.statistics.channels, config.size, config.size)
            images: UInt8 = generator.integers(0, 256, shape, dtype=np.uint8)
            works = self._works(network, images, config.classes)
            timings = interleave(works, config.rounds, CPU)
            own = timings[FAST].median
            rows += [_row(entry, name, timings[name], own, peak_memory(work, CPU)) for name, work in works.items()]
        self.report(config, folder, CPU, models=rows, table=_table(rows, config))

    def _works(self, network: Segmenter, images: UInt8, classes: int) -> dict[str, Callable[[], object]]:
        size = None if self.any_size else (images.shape[-2], images.shape[-1])
        manifest = _manifest(network, classes, size, None if self.any_size else len(images))
        model = to_onnx(trace(Deployed(copy.deepcopy(network), manifest), manifest), manifest, [])
        contents = {"fp32": model.SerializeToString()}
        if any(engine.endswith("int8") for engine in self.engines):
            random = np.random.default_rng(0).integers(0, 256, (self.calibration, *images.shape[1:]), dtype=np.uint8)
            contents["int8"] = quantise(model, manifest, list(random)).SerializeToString()
        works: dict[str, Callable[[], object]] = {FAST: partial(FastSegmenter(network), torch.from_numpy(images))}
        for engine in self.engines:
            software, _, precision = engine.partition(" ")
            content = contents.get(precision, contents["fp32"])
            runner, _ = (
                by_onnxruntime(content, engine)
                if software == "onnxruntime"
                else by_openvino(content, _precision(precision), engine)
            )
            works[engine] = partial(runner, images)
        return works


def _precision(name: str) -> Precision:
    known: dict[str, Precision] = {"fp32": "fp32", "bf16": "bf16", "fp16": "fp16", "int8": "int8"}
    return known[name]


def _manifest(network: Segmenter, classes: int, size: tuple[int, int] | None, batch: int | None) -> Manifest:
    return Manifest(
        classes=tuple(f"class {index}" for index in range(classes)),
        palette=((0, 0, 0),) * classes,
        input="uint8",
        outputs="logits",
        precision="fp32",
        size=size,
        batch=batch,
        mean=network.statistics.mean,
        std=network.statistics.std,
        align_corners=network.align_corners,
        base_size=None,
        crop_size=None,
        checkpoint="0" * 64,
        **network_facts(network),
    )


def _row(entry: str, name: str, timing: Timing, own: float, memory: int | None) -> dict[str, Any]:
    return {
        "model": entry,
        "path": name,
        "latency_ms": timing.milliseconds(),
        "times_faster": round(own / timing.median, 3),
        "peak_memory_bytes": memory,
    }


def _table(rows: list[dict[str, Any]], config: DictConfig) -> Table:
    table = Table(
        title=f"forward, {config.batch}x3x{config.size}x{config.size}, {torch.get_num_threads()} threads of a CPU"
    )
    for name in ("model", "path"):
        table.add_column(name, overflow="fold")
    for name in ("ms, median (range)", "times faster", "memory, MB"):
        table.add_column(name, justify="right")
    for row in rows:
        latency, memory = row["latency_ms"], row["peak_memory_bytes"]
        table.add_row(
            row["model"],
            row["path"],
            f"{latency['median']:.1f} ({latency['min']:.1f}-{latency['max']:.1f})",
            f"{row['times_faster']:.2f}",
            "?" if memory is None else f"{memory / 1e6:.0f}",
        )
    return table
