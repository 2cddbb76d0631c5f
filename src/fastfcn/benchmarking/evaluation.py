"""Multi-scale evaluation of one image."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from omegaconf import DictConfig
from rich.table import Table
from torch import Tensor, nn

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.entries import build_entry, model_configs
from fastfcn.benchmarking.reference import expand_encodings
from fastfcn.benchmarking.timing import Timing, interleave
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.models.features import Prediction
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.segmenter import Segmenter
from fastfcn.options import NOT_EMPTY, CropSize, Pixels

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)  # the authors' six


class OneByOne(nn.Module):
    """Gives a network one image at a time."""

    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = network
        self.align_corners = network.align_corners
        self.statistics = network.statistics

    def forward(self, images: Tensor) -> Prediction:
        """Segment `images` (B, C, H, W) one after the other."""
        return Prediction(torch.cat([self.network(image[None]).logits for image in images]))


Paths = Annotated[tuple[Literal["eager", "own"], ...], NOT_EMPTY]


class EvaluationBenchmark(Benchmark):
    """Measures the paper's multi-scale protocol on an image of `height` x `width`, at six scales with mirror images.

    `plain` gives the network with the expanded Encoding layer each window and each mirror image by itself. Against it
    are measured `own`, what evaluate.py does once the network is compiled, and `eager`, the plain way with the network
    as trained.
    """

    def __init__(
        self,
        *,
        height: Pixels,
        width: Pixels,
        base_size: Pixels,
        crop_size: CropSize,
        paths: Paths,
    ) -> None:
        self.paths = paths
        self.size = (height, width)
        self.protocol = SlidingWindow(
            name="ms",
            base_size=base_size,
            crop_size=crop_size,
            scales=SCALES,
            flip=True,
            fusion="exp_sum",
            batch=None,
        )

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        image = cache(lambda channels: torch.randn(1, channels, *self.size, device=device))
        scores: dict[str, Tensor] = {}
        works: dict[str, Callable[[], object]] = {}
        for entry, model in model_configs(config).items():
            for path in ("plain", *self.paths):
                network = _on_path(path, build_entry(model, config.classes).to(device))
                pixels = image(network.statistics.channels)
                works[f"{entry} {path}"] = partial(self._score, network, pixels, scores, f"{entry} {path}")
        with torch.inference_mode():
            timings = interleave(works, config.rounds, device)
        rows = [self._row(name, scores, timings[name]) for name in works]
        table = Table(title=f"multi-scale evaluation of {self.size[0]}x{self.size[1]}, {device}")
        for heading in ("network", "ms, median (range)", "largest difference", "same class"):
            table.add_column(heading, justify="left" if heading == "network" else "right")
        for row in rows:
            table.add_row(
                row["network"],
                timings[row["network"]].text(),
                f"{row['largest_difference']:.1e}",
                f"{row['same_class']:.3%}",
            )
        self.report(config, folder, device, table=table, image=list(self.size), networks=rows)

    def _score(self, network: nn.Module, image: Tensor, scores: dict[str, Tensor], name: str) -> None:
        scores[name] = self.protocol.scores(network, image)  # type: ignore[arg-type]

    def _row(self, name: str, scores: dict[str, Tensor], timing: Timing) -> dict[str, Any]:
        """Compare log-scores and classes with the plain network's."""
        reference = scores[f"{name.rpartition(' ')[0]} plain"]
        return {
            "network": name,
            "milliseconds": timing.milliseconds(),
            "largest_difference": float((scores[name] - reference).abs().max()),
            "same_class": float((scores[name].argmax(1) == reference.argmax(1)).float().mean()),
        }


def _on_path(path: str, network: Segmenter) -> FastSegmenter | OneByOne:
    if path == "own":
        return FastSegmenter(network)
    if path == "plain":
        expand_encodings(network)
    return OneByOne(network)
