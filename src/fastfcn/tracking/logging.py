"""Loggers of a run: CSV always, W&B unless switched off, and never anything that blocks or prompts."""

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import Logger, WandbLogger
from wandb.errors import Error as WandbError
from wandb.sdk.lib.runid import generate_id

from fastfcn.options import AtLeastOne, Count, Name
from fastfcn.stopping import PREEMPTED
from fastfcn.tracking.backfill import lost_rows
from fastfcn.tracking.identity import JOB_TYPE, Identity
from fastfcn.tracking.keys import RESUMED_AT, STEP
from fastfcn.tracking.metrics_file import csv_logger
from fastfcn.tracking.reachability import why_unreachable

log = logging.getLogger(__name__)

FOLDERS = ("WANDB_DATA_DIR", "WANDB_CACHE_DIR")  # else tables and artifacts are staged in the home folder
CONNECT_SECONDS = 10.0  # for W&B to open a run, once it was reached; then it is logged offline
FINISH_SECONDS = 60.0  # to upload what is left; then it lies in the run's folder, for wandb sync
FLUSH_SECONDS = 1.0  # between two times that rows reach the disk; W&B's own 15 would all be lost in a kill
INSTEAD = "logging offline, upload later with wandb sync"


@dataclass(frozen=True)
class Logging:
    """Where metrics go, and what else W&B is shown.

    `mode` is W&B's: `offline` writes into the run's folder for a later `wandb sync`, `online` needs a key and the
    network and falls back to offline, `disabled` leaves W&B out. `images` validation images are shown every
    `images_every` epochs and at the end, with prediction and truth. `checkpoint` uploads best.ckpt as an artifact.
    """

    mode: Literal["offline", "online", "disabled"]
    project: Name
    entity: Name | None
    images: Count
    images_every: AtLeastOne
    checkpoint: bool

    def loggers(
        self, run_dir: Path, *, config: Mapping[str, Any], identity: Identity, resume_step: int | None
    ) -> list[Logger]:
        """Return the loggers in `run_dir`; `resume_step` is the step that a resumed run goes on from."""
        loggers: list[Logger] = [csv_logger(run_dir, resume_step)]
        if self.mode != "disabled":
            loggers.append(RunLogger(self, run_dir, config=config, identity=identity, resume_step=resume_step))
        return loggers


class RunLogger(WandbLogger):
    """Lightning's W&B logger over a run that opens whatever the network does, with metrics of validation by epoch."""

    def __init__(
        self,
        options: Logging,
        run_dir: Path,
        *,
        config: Mapping[str, Any],
        identity: Identity,
        resume_step: int | None = None,
    ) -> None:
        super().__init__(project=options.project, save_dir=run_dir)
        self.options = options
        self.run_dir = run_dir
        self.config = config if resume_step is None else {**config, RESUMED_AT: resume_step}
        self.identity = identity
        self.resume_step = resume_step
        self.run_id = identity.id or generate_id()
        self._set: list[str] = []  # environment variables

    @property
    @rank_zero_experiment
    def experiment(self) -> wandb.Run:
        """The run, opened at the first use; other processes than the first get a dummy from Lightning."""
        if not isinstance(self._experiment, wandb.Run):
            run = self._experiment = self._open()
            run.define_metric(STEP)
            run.define_metric("*", step_metric=STEP, step_sync=True)
            run.define_metric("epoch")
            run.define_metric("val/*", step_metric="epoch", step_sync=True)
            if self.identity.id is not None and self.resume_step is not None:
                for row in lost_rows(self.run_dir, self.identity.id, self.resume_step):
                    run.log(row)
        return self._experiment

    def close(self, exit_code: int) -> None:
        """End the run, so that the next training in this process gets one of its own."""
        if isinstance(self._experiment, wandb.Run):
            if exit_code == PREEMPTED:
                self._experiment.mark_preempting()
            self._experiment.finish(exit_code)
        self._experiment = None
        for variable in self._set:
            os.environ.pop(variable, None)

    def _open(self) -> wandb.Run:
        os.environ.setdefault("WANDB_SILENT", "true")  # the lines below say what there is to say
        self._set = [name for name in FOLDERS if name not in os.environ]
        os.environ.update(dict.fromkeys(self._set, str(self.run_dir / "wandb")))
        online = self._online() if self.options.mode == "online" else None
        return online or self._init("offline")

    def _online(self) -> wandb.Run | None:
        """Open the run at W&B; None, and a line that says why, if that cannot be."""
        try:
            if not wandb.login(prompt=False, verify=False):
                log.warning("logger.mode=online needs a W&B key (wandb login, or WANDB_API_KEY); %s", INSTEAD)
                return None
            host = wandb.setup().settings.base_url
            reason = why_unreachable(host)
            if reason is not None:
                log.warning("W&B at %s cannot be reached (%s); %s", host, reason, INSTEAD)
                return None
        except WandbError as error:
            log.warning("logger.mode=online: %s; %s", first_line(error), INSTEAD)
            return None
        known = set((self.run_dir / "wandb").glob("run-*"))
        try:
            return self._init("online")
        except WandbError as error:
            log.warning("W&B at %s: %s; %s", host, first_line(error), INSTEAD)
        self.run_id = generate_id()  # W&B's service holds the former one, and may take forever to end
        for attempt in set((self.run_dir / "wandb").glob("run-*")) - known:
            shutil.rmtree(attempt, ignore_errors=True)
        return None

    def _init(self, mode: Literal["offline", "online"]) -> wandb.Run:
        identity = self.identity
        run = wandb.init(
            mode=mode,
            project=self.options.project,
            entity=self.options.entity,
            dir=self.run_dir,
            id=self.run_id,
            name=identity.name,
            group=identity.group,
            job_type=JOB_TYPE,
            tags=identity.tags,
            config=dict(self.config),
            resume="allow",
            settings=wandb.Settings(
                init_timeout=CONNECT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                x_transaction_log_flush_interval=FLUSH_SECONDS,
            ),
        )
        log.info("W&B run %s (%s) in %s/wandb", run.name, mode, self.run_dir)
        return run


def first_line(error: Exception) -> str:
    """Return what an error says first; W&B's go on with advice."""
    return str(error).partition("\n")[0]


def run_loggers(loggers: Iterable[Logger]) -> list[RunLogger]:
    """Return those that log to W&B: one, or none."""
    return [logger for logger in loggers if isinstance(logger, RunLogger)]


def close_loggers(loggers: Iterable[Logger], exit_code: int) -> None:
    """End the W&B run, marked with the exit code of the training."""
    for logger in run_loggers(loggers):
        logger.close(exit_code)
