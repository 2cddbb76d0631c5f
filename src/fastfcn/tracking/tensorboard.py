"""Offline W&B runs as TensorBoard's event files: curves, pictures, scores of classes, options against results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fastfcn.data.palette import Colour
from fastfcn.reporting.pictures import comparison
from fastfcn.tracking import keys
from fastfcn.tracking.offline import OfflineRun, find_run_files, read_runs

PICTURES = "val/predictions"  # which TensorBoard sorts behind the curves
AXES = (keys.STEP, "epoch")
HIDDEN = ("_", "logger.", "classes", "palette")  # beginnings of options that are no choice of an experiment
RESULTS = (keys.BEST_MIOU, keys.BEST_PIXACC, keys.FPS, keys.GFLOPS, keys.PARAMETERS)

Options = dict[str, bool | float | str]


@dataclass
class Written:
    """What TensorBoard has been told of a run: so many rows, from so many fragments."""

    writer: SummaryWriter
    fragments: int
    rows: int = 0


@dataclass
class Exporter:
    """Writes the runs below `roots` into a folder a run below `folder`, and later what they have gained since.

    The options that runs are compared by are those in which they differ at first.
    """

    roots: tuple[Path, ...]
    folder: Path
    names: list[str] = field(default_factory=list)
    _written: dict[str, Written] = field(default_factory=dict)
    _compared: Options | None = None
    _state: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def update(self) -> None:
        """Write what is new. Raises ValueError or OSError, once all else is written, for what cannot be read.

        The next call goes on from there.
        """
        state = {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in find_run_files(self.roots)}
        if state == self._state:
            return
        runs = read_runs(self.roots)
        self.names = unique_names(runs)
        if self._compared is None:
            self._compared = varied_options(runs)
        errors: list[Exception] = []
        for run, name in zip(runs, self.names, strict=True):
            try:
                self._write(run, name, self._compared)
            except (OSError, ValueError) as error:
                errors.append(error)
        if errors:
            raise errors[0]
        self._state = state

    def close(self) -> None:
        """Close the files."""
        for written in self._written.values():
            written.writer.close()

    def _write(self, run: OfflineRun, name: str, compared: Options) -> None:
        written = self._written.get(run.id)
        if written is None or written.fragments != len(run.folders):  # of a restart, which takes rows back
            purge = None if written is None else 0
            written = Written(SummaryWriter(str(self.folder / name), purge_step=purge), len(run.folders))
            self._written[run.id] = written
        if written.rows == len(run.history) and run.exit_code is None:
            return
        for row in run.history[written.rows :]:
            write_row(written.writer, run, row)
            written.rows += 1
        if run.exit_code is not None:
            write_outcome(written.writer, run, compared)
        written.writer.close()  # opens again by itself


def unique_names(runs: Sequence[OfflineRun]) -> list[str]:
    """Name runs GROUP/NAME, with their id where two share that."""
    names = ["/".join(filter(None, (run.group, run.name or run.id))) for run in runs]
    return [f"{name}-{run.id}" if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]


def write_row(writer: SummaryWriter, run: OfflineRun, row: Mapping[str, Any]) -> None:
    """Write a row of the history: its numbers, and its pictures side by side with what they show."""
    step, time = int(row.get(keys.STEP, 0)), row.get("_timestamp")
    for picture, caption in pictures(run, row):
        writer.add_image(f"{PICTURES}/{caption}", np.asarray(picture), step, walltime=time, dataformats="HWC")
    for key, value in row.items():
        if isinstance(value, int | float) and not key.startswith("_") and key not in AXES:
            writer.add_scalar(key, value, step, walltime=time)


def pictures(run: OfflineRun, row: Mapping[str, Any]) -> Iterator[tuple[Image.Image, str]]:
    """Yield image, truth and prediction side by side, and a caption, for every picture of a row of the history."""
    shown = row.get(keys.IMAGES)
    if not isinstance(shown, dict):
        return
    palette = colours(run)
    for file, caption, masks in zip(shown["filenames"], shown["captions"], shown["all_masks"], strict=True):
        image = np.asarray(Image.open(run.media_path(file)).convert("RGB"))
        truth, prediction = (
            np.asarray(Image.open(run.media_path(masks[kind]["path"]))) for kind in (keys.TRUTH, keys.PREDICTION)
        )
        yield comparison(image, truth, prediction, palette), caption


def colours(run: OfflineRun) -> tuple[Colour, ...]:
    """Read the classes' colours from the run's configuration."""
    codes = [code.removeprefix("#") for code in run.config["palette"]]
    return tuple((int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in codes)


def write_outcome(writer: SummaryWriter, run: OfflineRun, compared: Options) -> None:
    """Write what an ended run says of itself: IoU a class, and its options, those of `compared`, with its results."""
    iou = {name: run.summary.get(keys.class_key(name)) for name in run.config.get("classes", [])}
    if any(value is not None for value in iou.values()):
        lines = [f"| {name} | {'absent' if value is None else f'{100 * value:.2f}'} |" for name, value in iou.items()]
        writer.add_text("IoU of each class, %", "\n".join(["| class | IoU |", "|---|---:|", *lines]))
    own = {name: value for name, value in options(run.config).items() if name in compared}
    results = {key: run.summary[key] for key in RESULTS if key in run.summary}
    # TensorBoard takes the first run's word for what all runs are compared by; add_hparams would write runs of its own
    columns, _, _ = hparams(compared, dict.fromkeys(RESULTS, 0.0))  # type: ignore[no-untyped-call]
    _, begin, end = hparams(own, results)  # type: ignore[no-untyped-call]
    for part in (columns, begin, end):
        writer._get_file_writer().add_summary(part)  # type: ignore[no-untyped-call]
    for key, value in results.items():
        writer.add_scalar(key, value)


def varied_options(runs: Sequence[OfflineRun]) -> Options:
    """Return the options in which runs differ, and row and seed, each with one of its values."""
    flat = [options(run.config) for run in runs]
    merged = {name: value for each in flat for name, value in each.items()}
    return {
        name: value
        for name, value in merged.items()
        if name in ("row", "seed") or len({each.get(name) for each in flat}) > 1
    }


def options(config: Mapping[str, Any], prefix: str = "") -> Options:
    """Flatten a configuration to dotted names of what a user would choose."""
    flat: Options = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= options(value, f"{name}.")
        elif not key.startswith("_") and not name.startswith(HIDDEN):
            flat[name] = value if isinstance(value, bool | int | float) else str(value)
    return flat
