"""What logging costs: one training, by turns with everything that is logged and with nothing."""

import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.timing import Timing, synchronise
from fastfcn.console import quieten_libraries
from fastfcn.tracking.logging import close_loggers
from fastfcn.training.conclusion import Parts
from fastfcn.training.config import RunConfig, read_config
from fastfcn.training.run import build_parts
from fastfcn.training.telemetry import GradientNorm, PeakMemory, Throughput

EPOCHS = 1000  # enough for any number of rounds
BARE, LOGGED = "bare", "logged"
TELEMETRY = (Throughput, GradientNorm, PeakMemory, LearningRateMonitor)


class Switch(Callback):
    """Takes loggers and telemetry away and back by turns, and times each turn: the steps between two lines of the log.

    A turn warms up; then there are two a round, in the order bare, logged, logged, bare, so that a drift hits both.
    """

    def __init__(self, trainer: L.Trainer, *, rounds: int, steps: int) -> None:
        callbacks: list[Callback] = vars(trainer)["callbacks"]
        self.telemetry = [each for each in callbacks if isinstance(each, TELEMETRY)]
        self.loggers: list[Logger] = trainer.loggers
        self.steps = steps
        self.turns = [kind for number in range(rounds) for kind in ((BARE, LOGGED), (LOGGED, BARE))[number % 2]]
        self.timings = {BARE: Timing(), LOGGED: Timing()}  # of a turn
        callbacks[:] = [self, *self.telemetry]
        self._turn, self._began = -1, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """End a turn and begin the next."""
        turn, rest = divmod(trainer.global_step, self.steps)
        if rest or turn == self._turn:  # in the midst of a turn, or accumulating
            return
        synchronise(pl_module.device)
        now = time.perf_counter()
        if turn > 1:
            self.timings[self.turns[turn - 2]].seconds.append(now - self._began)
        if turn > len(self.turns):
            trainer.should_stop = True
        elif turn > 0:
            logged = self.turns[turn - 1] == LOGGED
            trainer.loggers = self.loggers if logged else []
            vars(trainer)["callbacks"][1:] = self.telemetry if logged else []
        self._turn, self._began = turn, time.perf_counter()


class LoggingBenchmark(Benchmark):
    """Trains the configured network on `data`, with `logger` and `trainer.log_every_n_steps` as of a training.

    Neither validates nor saves.
    """

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        if "data" not in config:
            raise ValueError("what=logging trains: give data=NAME, and data.root=PATH where it needs one")
        quieten_libraries()  # Lightning, which was imported after the first time, speaks up
        every = config.trainer.log_every_n_steps
        parts = self._parts(config, folder / "run")
        timings = self._train(parts, config.rounds, every)
        pairs = list(zip(timings[BARE].seconds, timings[LOGGED].seconds, strict=True))
        shares = sorted(logged / bare - 1 for bare, logged in pairs)
        low, median, high = statistics.quantiles(shares, n=4) if len(shares) > 1 else shares * 3
        table = Table(title=f"training steps, logged every {every}, {len(pairs)} rounds")
        for name in ("ms a step, bare", "ms a step, logged", "share of logging, median (quartiles)"):
            table.add_column(name, justify="right")
        milliseconds = {kind: round(1e3 * timing.median / every, 2) for kind, timing in timings.items()}
        table.add_row(
            *(f"{value:.1f}" for value in milliseconds.values()), f"{median:+.2%} ({low:+.2%} to {high:+.2%})"
        )
        self.report(
            config,
            folder,
            parts.trainer.strategy.root_device,
            size=config.augmentation.crop_size,
            batch=config.recipe.batch_size,
            classes=len(parts.data.classes),
            log_every_n_steps=every,
            milliseconds_a_step=milliseconds,
            share_of_logging={"median": round(median, 5), "quartiles": [round(low, 5), round(high, 5)]},
            table=table,
        )

    def _parts(self, config: DictConfig, run_dir: Path) -> Parts:
        known = [field.name for field in dataclasses.fields(RunConfig) if field.name in config]
        settings = read_config(OmegaConf.masked_copy(config, known))
        run_dir.mkdir(parents=True)
        return build_parts(dataclasses.replace(settings, recipe={**settings.recipe, "epochs": EPOCHS}), run_dir)

    def _train(self, parts: Parts, rounds: int, every: int) -> dict[str, Timing]:
        trainer = parts.trainer
        switch = Switch(trainer, rounds=rounds, steps=every)
        trainer.limit_val_batches = 0
        try:
            trainer.fit(parts.module, datamodule=parts.loaders)
        finally:
            close_loggers(switch.loggers, 0)
        return switch.timings
