"""The measured speed of an experiment's rows, where benchmark.py has told it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from fastfcn.reading import read_bytes
from fastfcn.reporting.comparison.table import Line
from fastfcn.reporting.schema import Result

BENCHMARK_BYTES = 5_000_000
FILES = "benchmark*.json"  # in the experiment's folder, as benchmark.py writes them
ALIKE = 0.05  # of the operations: the number of classes differs
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
    backbone: str | None = None
    output_stride: int | None = None
    upsampling: str | None = None
    head: str | None = None

    def is_of(self, result: Result) -> bool:
        """Tell whether a result is of this network: of the same parts, and of about as many operations."""
        parts = result.model.model_dump()
        named = {name: getattr(self, name) for name in parts}
        return named == parts and abs(self.gflops - result.gflops) <= ALIKE * result.gflops

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

    def of(self, lines: Iterable[Line]) -> Mapping[str, Entry]:
        """Find the networks of `lines`, by their labels, on the path that is nearest to what the paper timed."""
        timed = next((self.paths[path].values() for path in PATHS if path in self.paths), ())
        found = {line.label: [each for each in timed if each.is_of(line.runs[0].result)] for line in lines}
        return {label: entries[0] for label, entries in found.items() if entries}


NOTHING = Speeds({}, "")


def read_speeds(folder: Path, rows: Mapping[str, str]) -> Speeds:
    """Read the speeds of `rows`, name to overrides, and of the same rows with further options.

    Raises ValueError for a file that benchmark.py has not written.
    """
    files = [_read(path) for path in sorted(folder.glob(FILES))]
    if not files:
        return NOTHING
    paths: dict[str, dict[str, Entry]] = {}
    for entry in (entry for file in files for entry in file.models):
        paths.setdefault(entry.way, {})[_row_of(entry, rows)] = entry
    conditions = dict.fromkeys(
        f"{each.device}, threads {each.threads}, {each.size} x {each.size}, batch {each.batch}" for each in files
    )
    return Speeds(paths, "; ".join(conditions))


def _read(path: Path) -> Benchmark:
    try:
        return Benchmark.model_validate_json(read_bytes(path, BENCHMARK_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _row_of(entry: Entry, rows: Mapping[str, str]) -> str:
    """Return the row that an entry names, or whose overrides it has; with others beside them, and its backbone."""
    if entry.model in rows:
        return entry.model
    words = set(entry.model.split())
    overrides = {row: set(text.removeprefix("model=").split()) for row, text in rows.items()}
    known = [row for row, own in overrides.items() if own <= words]
    if not known:
        return entry.model
    row = max(known, key=lambda row: len(overrides[row]))
    return row if overrides[row] == words else f"{row} ({entry.backbone})"
