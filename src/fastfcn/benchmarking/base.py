"""What a benchmark is to benchmark.py."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.table import Table

from fastfcn.console import plain_console
from fastfcn.files import write_atomically
from fastfcn.reporting.result import commit


class Benchmark(ABC):
    """One kind of measurement, chosen by `what=`."""

    @abstractmethod
    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure as `config`, the root of conf/benchmark.yaml, says: print a table, leave benchmark.json in `folder`.

        Raises ValueError for options that cannot be measured.
        """

    def report(self, config: DictConfig, folder: Path, device: torch.device, *, table: Table, **figures: Any) -> None:
        """Print `table` and write `figures`, and what they were measured on, to benchmark.json in `folder`."""
        content = {
            "what": type(self).__module__.rpartition(".")[2],
            **{key: config[key] for key in ("size", "batch", "classes", "rounds")},
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "commit": commit(),
            **figures,
        }
        path = folder / "benchmark.json"
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
        plain_console().print(table)
        print(path)
