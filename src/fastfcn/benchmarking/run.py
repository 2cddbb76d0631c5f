"""The benchmark that a command asks for."""

from pathlib import Path

from omegaconf import DictConfig

from fastfcn.allocation import keep_freed_memory
from fastfcn.benchmarking.base import Benchmark
from fastfcn.composition import build, plain
from fastfcn.console import quieten_libraries


def benchmark(config: DictConfig, folder: Path) -> None:
    """Build and run the benchmark at `config.what`."""
    quieten_libraries()
    keep_freed_memory()
    chosen: Benchmark = build(plain(config.what), "what")
    chosen.run(config, folder)
