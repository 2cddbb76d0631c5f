"""The measured speed of an experiment's rows, where benchmark.py has told it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from fastfcn.reading import read_bytes

BENCHMARK_BYTES = 5_000_000
NAME = "benchmark.json"  # in the experiment's folder, as benchmark.py writes it
PATHS = ("plain", "eager", "fast")  # the first is what the paper timed

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Latency(BaseModel):
    """Milliseconds a batch: the median of all rounds, and the fastest and slowest, where they are told."""

    median: Positive
    min: Positive | None = None
    max: Positive | None = None


class Entry(BaseModel):
    """One network on one path; `model` is what benchmark.py's `models=` named."""

    model: str
    path: str
    precision: str = "32-true"
    gflops: Positive
    parameters: int
    latency_ms: Latency
    fps: Positive

    @property
    def fps_range(self) -> tuple[float, float]:
        """Images a second of the slowest and the fastest round; the median lies between, whatever a file says."""
        median = self.latency_ms.median
        slow, fast = (self.fps * median / (each or median) for each in (self.latency_ms.max, self.latency_ms.min))
        return min(slow, self.fps), max(fast, self.fps)

    @property
    def way(self) -> str:
        """The path, and the precision where it is not the usual one."""
        return self.path if self.precision == "32-true" else f"{self.path} {self.precision}"


class Benchmark(BaseModel):
    """The file benchmark.json."""

    size: int
    batch: int
    threads: int
    device: str
    models: tuple[Entry, ...]


@dataclass(frozen=True)
class Speeds:
    """Entries by path (and precision) and row; `conditions` says how they were measured."""

    paths: Mapping[str, Mapping[str, Entry]]
    conditions: str

    @property
    def compared(self) -> Mapping[str, Entry]:
        """The rows on the path that is nearest to what the paper timed; empty where nothing was."""
        return next((self.paths[path] for path in PATHS if path in self.paths), {})


NOTHING = Speeds({}, "")


def read_speeds(folder: Path, rows: Mapping[str, str]) -> Speeds:
    """Read the speeds of `rows`, name to overrides; an entry is a row's if it names the row or the same overrides.

    Raises ValueError for a file that benchmark.py has not written.
    """
    path = folder / NAME
    if not path.exists():
        return NOTHING
    try:
        found = Benchmark.model_validate_json(read_bytes(path, BENCHMARK_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    names = {" ".join(text.split()).removeprefix("model="): row for row, text in rows.items()}
    paths: dict[str, dict[str, Entry]] = {}
    for entry in found.models:
        row = entry.model if entry.model in rows else names.get(entry.model, entry.model)
        paths.setdefault(entry.way, {})[row] = entry
    size = f"{found.size} x {found.size}, batch {found.batch}"
    return Speeds(paths, f"{found.device}, threads {found.threads}, {size}")
