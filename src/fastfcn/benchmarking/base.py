"""What a benchmark is to benchmark.py."""

from abc import ABC, abstractmethod
from pathlib import Path

from omegaconf import DictConfig


class Benchmark(ABC):
    """One kind of measurement, chosen by `what=`."""

    @abstractmethod
    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure as `config`, the root of conf/benchmark.yaml, says: print a table, leave benchmark.json in `folder`.

        Raises ValueError for options that cannot be measured.
        """
