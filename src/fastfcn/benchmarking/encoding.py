"""The Encoding layer by itself, forward and backward."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.table import Table
from torch import Tensor, nn

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.memory import peak_memory
from fastfcn.benchmarking.plain import ExpandedEncoding
from fastfcn.benchmarking.timing import interleave
from fastfcn.models.layers.encoding import Encoding
from fastfcn.options import AtLeastOne, Width


class EncodingBenchmark(Benchmark):
    """Measures time and memory of the suite's Encoding layer and of the expanded one, on the same input."""

    def __init__(self, *, batch: AtLeastOne, pixels: AtLeastOne, channels: Width, codewords: Width) -> None:
        self.shape = (batch, channels, pixels, 1)
        self.codewords = codewords

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        layer = Encoding(self.shape[1], self.codewords).to(device)
        x = torch.randn(self.shape, device=device).requires_grad_()
        codes = torch.randn(self.shape[0], self.codewords, self.shape[1], device=device)
        works: dict[str, Callable[[], object]] = {
            "expanded": partial(_pass, ExpandedEncoding(layer), x, codes),
            "own": partial(_pass, layer, x, codes),
        }
        timings = interleave(works, config.rounds, device)
        memory = {name: peak_memory(work, device) for name, work in works.items()}
        table = Table(title=f"Encoding, forward and backward, B, D, N = {self.shape[:3]}, K = {self.codewords}")
        for heading in ("formulation", "ms, median (range)", "extra memory, MB"):
            table.add_column(heading, justify="left" if heading == "formulation" else "right")
        for name, timing in timings.items():
            extra = memory[name]
            table.add_row(name, timing.text(), "?" if extra is None else f"{extra / 1e6:.1f}")
        formulations = [
            {"formulation": name, "milliseconds": timing.milliseconds(), "extra_memory_bytes": memory[name]}
            for name, timing in timings.items()
        ]
        self.report(config, folder, device, table=table, shape=list(self.shape[:3]), formulations=formulations)


def _pass(layer: nn.Module, x: Tensor, codes: Tensor) -> None:
    x.grad = None
    layer.zero_grad()
    (layer(x) * codes).sum().backward()
