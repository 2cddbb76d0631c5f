"""Loggers of a run: CSV always, W&B unless switched off, and never anything that blocks or prompts."""

import csv
import logging
import os
import socket
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

log = logging.getLogger(__name__)

MODES = ("offline", "online", "disabled")
PROBE_SECONDS = 5.0


class Logging:
    """Where metrics go.

    `mode` is W&B's: `offline` writes into the run's folder for a later `wandb sync`, `online` needs a key and the
    network and falls back to offline, `disabled` leaves W&B out.
    """

    def __init__(self, *, mode: Literal["offline", "online", "disabled"], project: str, entity: str | None) -> None:
        if mode not in MODES:
            raise ValueError(f"logger.mode must be one of {', '.join(MODES)}, got {mode}")
        self.mode = mode
        self.project = project
        self.entity = entity

    def loggers(self, run_dir: Path, *, config: dict[str, Any], resume_step: int | None) -> list[Logger]:
        """Open the loggers in `run_dir`; `resume_step` is the step that a resumed run goes on from."""
        loggers: list[Logger] = [csv_logger(run_dir, resume_step)]
        if self.mode != "disabled":
            loggers.append(self._wandb(run_dir, config))
        return loggers

    def _wandb(self, run_dir: Path, config: dict[str, Any]) -> WandbLogger:
        os.environ.setdefault("WANDB_SILENT", "true")  # the line below says where the run is
        for variable in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            os.environ.setdefault(variable, str(run_dir / "wandb"))
        mode = self.mode if self.mode == "offline" else self._reachable_mode()
        log.info("W&B run (%s) in %s/wandb; `wandb sync` uploads an offline run", mode, run_dir)
        return WandbLogger(
            project=self.project,
            entity=self.entity,
            save_dir=str(run_dir),
            mode=mode,
            config=config,
            name=run_dir.name,
        )

    def _reachable_mode(self) -> Literal["online", "offline"]:
        import wandb

        if not wandb.login(prompt=False, verify=False):
            log.warning("logger.mode=online needs a W&B key (wandb login, or WANDB_API_KEY); logging offline")
            return "offline"
        host = wandb.Settings().base_url.split("//")[-1].split("/")[0]
        name, _, port = host.partition(":")
        try:
            socket.create_connection((name, int(port or 443)), PROBE_SECONDS).close()
        except OSError as error:
            log.warning("W&B at %s cannot be reached (%s); logging offline, upload later with wandb sync", host, error)
            return "offline"
        return "online"


def close_loggers(loggers: list[Logger]) -> None:
    """End the W&B run, so that the next training in this process gets one of its own."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            wandb.finish()


def csv_logger(run_dir: Path, resume_step: int | None) -> CSVLogger:
    """Log to `run_dir`/metrics.csv; a resumed run keeps the rows that came before it."""
    logger = CSVLogger(save_dir=run_dir.parent, name=run_dir.name, version="")
    _keep_rows(logger, run_dir / "metrics.csv", resume_step)
    return logger


@rank_zero_only
def _keep_rows(logger: CSVLogger, file: Path, resume_step: int | None) -> None:
    rows: list[dict[str, Any]] = []
    if resume_step is not None and file.exists():
        with file.open(newline="") as stream:
            whole = [row for row in csv.DictReader(stream) if (row["step"] or "").isdigit()]  # a kill can cut the last
        rows = [row for row in whole if int(row["step"]) < resume_step]
    experiment = logger.experiment  # opening it deletes the file
    experiment.metrics.extend(rows)
    logger.save()
