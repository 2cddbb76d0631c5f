"""What an exported file was measured to be worth, beside it: for programs as JSON, for people as a page."""

import json
import platform
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from fastfcn.benchmarking.peak_memory import peak_memory
from fastfcn.benchmarking.timing import interleave
from fastfcn.exporting.feeding import prepared
from fastfcn.exporting.formats import Opened
from fastfcn.exporting.manifest import Manifest
from fastfcn.exporting.parity import Parity
from fastfcn.files import write_atomically
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.segmenter import Segmenter
from fastfcn.prediction.journal import digest
from fastfcn.reporting.result import commit

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Cost:
    """Of one pass over the `size` and batch: `milliseconds` median, lowest and highest, `bytes` of memory at most."""

    size: tuple[int, ...]
    milliseconds: dict[str, float]
    bytes: int | None


@dataclass(frozen=True)
class Score:
    """The mIoU, in 0..1, of protocol=full on a split: of the checkpoint, and of the file."""

    data: str
    split: str
    images: int
    checkpoint: float
    file: float


@dataclass(frozen=True)
class Certificate:
    """All that was measured; `suite` and `file` are the costs of the suite's own fast path and of the file."""

    manifest: Manifest
    parity: Parity
    suite: Cost | None
    file: Cost | None
    score: Score | None
    engine: str

    def write(self, path: Path, files: list[Path]) -> None:
        """Write `path`.json and `path`.md about `files`."""
        content = {
            "format": "fastfcn-certificate-1",
            "files": {file.name: {"bytes": file.stat().st_size, "sha256": digest(file)} for file in files},
            "export": self.manifest.model_dump(mode="json", exclude={"palette"}),
            "engine": self.engine,
            **{name: asdict(part) if (part := getattr(self, name)) else None for name in ("parity", "suite", "file")},
            "score": asdict(self.score) if self.score else None,
            "threads": torch.get_num_threads(),
            "processor": processor(),
            "torch": torch.__version__,
            "commit": commit(),
        }
        write_atomically(Path(f"{path}.json"), (json.dumps(content, indent=2) + "\n").encode())
        write_atomically(Path(f"{path}.md"), self.page(files).encode())

    def page(self, files: list[Path]) -> str:
        """Write it for people, in Markdown."""
        manifest, parity = self.manifest, self.parity
        size = "any size" if manifest.size is None else "x".join(map(str, manifest.size))
        batch = "any batch" if manifest.batch is None else f"batch {manifest.batch}"
        lines = [
            f"# {files[0].name}",
            "",
            f"{manifest.outputs} of {len(manifest.classes)} classes, {manifest.precision}, from {manifest.input} RGB "
            f"images of {size}, {batch}; made of the checkpoint with SHA-256 {manifest.checkpoint}.",
            "",
            "| | |",
            "|---|---|",
            f"| images compared | {parity.images}, at {', '.join(f'{h}x{w}' for h, w in parity.sizes)} |",
        ]
        if parity.difference is not None:
            lines.append(f"| largest difference, of the largest value | {parity.difference:.1e} |")
        lines.append(f"| pixels of the same class | {100 * parity.equal:.3f} % |")
        if self.suite is not None and self.file is not None:
            faster = self.suite.milliseconds["median"] / self.file.milliseconds["median"]
            lines += [
                f"| ms of {'x'.join(map(str, self.file.size))}, this file by {self.engine} | {_cost(self.file)} |",
                f"| the suite's own path, PyTorch {torch.__version__} | {_cost(self.suite)} |",
                f"| times faster | {faster:.2f} |",
            ]
        if self.score is not None:
            lost = 100 * (self.score.checkpoint - self.score.file)
            lines += [
                f"| mIoU of the file, {self.score.data} {self.score.split} ({self.score.images} images) "
                f"| {100 * self.score.file:.2f} |",
                f"| of the checkpoint | {100 * self.score.checkpoint:.2f} |",
                f"| points lost | {lost:.2f} |",
            ]
        lines += ["", f"Measured with {torch.get_num_threads()} threads of {processor()}."]
        return "\n".join(lines) + "\n"


def measure_costs(network: Segmenter, opened: Opened, size: tuple[int, int], rounds: int) -> tuple[Cost, Cost]:
    """Time the suite's fast path, which takes `network` over, and the file, by turns, on one image of `size`."""
    manifest = opened.manifest
    shape = (manifest.batch or 1, len(manifest.mean), *(manifest.size or size))
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    fast = FastSegmenter(network)
    works = {
        "suite": partial(fast, torch.from_numpy(images)),
        "file": partial(opened.run, prepared(images, manifest)),
    }
    timings = interleave(works, rounds, CPU)
    suite, file = (Cost(shape, timings[name].milliseconds(), peak_memory(work, CPU)) for name, work in works.items())
    return suite, file


def processor() -> str:
    """Name the processor, as Linux does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cost(cost: Cost) -> str:
    times = cost.milliseconds
    memory = "" if cost.bytes is None else f", {cost.bytes / 1e6:.0f} MB"
    return f"{times['median']:.1f} ({times['min']:.1f} to {times['max']:.1f}){memory}"
