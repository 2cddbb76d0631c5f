"""The benchmark that a command asks for."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fastfcn.allocation import keep_freed_memory
from fastfcn.benchmarking.base import Benchmark
from fastfcn.composition import build, plain, require_known, typed
from fastfcn.console import quieten_libraries
from fastfcn.numerics import set_numerics
from fastfcn.options import AtLeastOne, CropSize, Name, Seed, Width
from fastfcn.trainer_options import TrainingTrainer
from fastfcn.training.config import RunConfig


@dataclass(frozen=True)
class BenchmarkConfig:
    """What every benchmark reads of conf/benchmark.yaml; the rest is a training's, which some read too."""

    what: dict[str, Any]
    models: tuple[Name, ...]
    classes: Width
    size: CropSize
    batch: AtLeastOne
    rounds: AtLeastOne
    seed: Seed
    trainer: TrainingTrainer
    numerics: dict[str, Any]


def benchmark(config: DictConfig, folder: Path) -> None:
    """Build and run the benchmark at `config.what`."""
    quieten_libraries()
    keep_freed_memory()
    own = [field.name for field in fields(BenchmarkConfig)]
    for key in config:
        require_known(str(key), {*own, *(field.name for field in fields(RunConfig))})
    settings = typed(BenchmarkConfig, plain(OmegaConf.masked_copy(config, [key for key in own if key in config])))
    set_numerics(settings.numerics)
    chosen: Benchmark = build(settings.what, "what")
    chosen.run(config, folder)
