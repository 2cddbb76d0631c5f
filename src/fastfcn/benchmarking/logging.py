"""What logging costs: the same training steps with everything that is logged and with nothing."""

import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.timing import synchronise
from fastfcn.console import quieten_libraries
from fastfcn.tracking.images import ValidationImages
from fastfcn.tracking.logging import close_loggers
from fastfcn.training.config import RunConfig, read_config
from fastfcn.training.run import build_parts
from fastfcn.training.telemetry import GradientNorm, PeakMemory, Throughput

WARM_UP = 10  # steps
KINDS = ("bare", "logged")
TELEMETRY = (Throughput, GradientNorm, PeakMemory, LearningRateMonitor, ValidationImages)


class Clock(Callback):
    """Times whole logging intervals, from the beginning of a step to the beginning of another, and then ends."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seconds = 0.0  # a step

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Begin after the warm-up, end after `steps` more."""
        synchronise(pl_module.device)
        if trainer.global_step == WARM_UP:
            self._began = time.perf_counter()
        if trainer.global_step == WARM_UP + self.steps:
            self.seconds = (time.perf_counter() - self._began) / self.steps
            trainer.should_stop = True


class LoggingBenchmark(Benchmark):
    """Trains the configured network on `data` by turns with loggers and telemetry and without, `steps` steps each.

    Neither validates nor saves. `logger` and `trainer.log_every_n_steps` are those of a training.
    """

    def __init__(self, *, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"what.steps must be 1 or more, got {steps}")
        self.steps = steps

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        if "data" not in config:
            raise ValueError("what=logging trains: give data=NAME, and data.root=PATH where it needs one")
        quieten_libraries()  # Lightning, which was imported after the first time, speaks up at every fit
        known = [field.name for field in dataclasses.fields(RunConfig) if field.name in config]
        settings = read_config(OmegaConf.masked_copy(config, known))
        seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(config.rounds):
            for kind in KINDS if number % 2 else reversed(KINDS):
                seconds[kind].append(self._train(settings, folder / f"{kind}{number}", logged=kind == "logged"))
        ratios = [logged / bare for bare, logged in zip(*(seconds[kind] for kind in KINDS), strict=True)]
        shares = {"median": statistics.median(ratios) - 1, "min": min(ratios) - 1, "max": max(ratios) - 1}
        milliseconds = {kind: round(1e3 * statistics.median(values), 2) for kind, values in seconds.items()}
        table = Table(title=f"{self.steps} training steps a round, logged every {config.trainer.log_every_n_steps}")
        for name in ("ms a step, bare", "ms a step, logged", "share of logging, median (range)"):
            table.add_column(name, justify="right")
        table.add_row(
            *(f"{milliseconds[kind]:.1f}" for kind in KINDS),
            f"{shares['median']:+.2%} ({shares['min']:+.2%} to {shares['max']:+.2%})",
        )
        self.report(
            config,
            folder,
            L.Fabric(accelerator=config.trainer.accelerator, devices=1).device,
            size=config.augmentation.crop_size,
            batch=config.recipe.batch_size,
            steps=self.steps,
            log_every_n_steps=config.trainer.log_every_n_steps,
            milliseconds_a_step=milliseconds,
            share_of_logging={name: round(value, 5) for name, value in shares.items()},
            table=table,
        )

    def _train(self, settings: RunConfig, run_dir: Path, *, logged: bool) -> float:
        run_dir.mkdir(parents=True)
        parts = build_parts(settings, run_dir)
        trainer, clock = parts.trainer, Clock(self.steps)
        callbacks: list[Callback] = vars(trainer)["callbacks"]
        callbacks[:] = [*(each for each in callbacks if logged and isinstance(each, TELEMETRY)), clock]
        if not logged:
            trainer.loggers = []
        trainer.limit_val_batches = 0
        try:
            trainer.fit(parts.module, datamodule=parts.loaders)
        finally:
            close_loggers(trainer.loggers, 0)
        if not clock.seconds:
            raise ValueError(f"the training ended before {WARM_UP + self.steps} steps; give more recipe.epochs")
        return clock.seconds
