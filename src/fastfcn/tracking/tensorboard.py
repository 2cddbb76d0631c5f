"""Offline W&B runs as TensorBoard's event files: curves, pictures, scores of classes, options against results."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
from fastfcn.tracking.offline import OfflineRun, read_runs

HIDDEN = ("_", "logger.", "classes", "palette", "trainer.")  # beginnings of names that no chart needs
AXES = (keys.STEP, "epoch")
RESULTS = ("best/", "bench/")  # beginnings of the summary's keys that options are set against


@dataclass
class Exporter:
    """Writes the runs below `roots` into a folder a run below `folder`, and later what they have gained since."""

    roots: tuple[Path, ...]
    folder: Path
    _writers: dict[str, SummaryWriter] = field(default_factory=dict)
    _rows: dict[str, int] = field(default_factory=dict)  # already written, by run
    _ended: set[str] = field(default_factory=set)

    def update(self) -> list[str]:
        """Write what is new and return the names of all runs. Raises ValueError or OSError for what cannot be read."""
        runs = read_runs(self.roots)
        names, varied = unique_names(runs), varied_options(runs)
        for run, name in zip(runs, names, strict=True):
            self._write(run, name, varied)
        return names

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, run: OfflineRun, name: str, varied: Collection[str]) -> None:
        if run.id not in self._writers:
            self._writers[run.id] = SummaryWriter(str(self.folder / name))
        writer, known = self._writers[run.id], self._rows.get(run.id, 0)
        for row in run.history[known:]:
            step = int(row.get(keys.STEP, 0))
            for key, value in row.items():
                if isinstance(value, int | float) and not key.startswith(HIDDEN) and key not in AXES:
                    writer.add_scalar(key, value, step, walltime=row.get("_timestamp"))
            for picture, caption in pictures(run, row):
                tag, pixels = f"{keys.IMAGES}/{caption}", np.asarray(picture)
                writer.add_image(tag, pixels, step, walltime=row.get("_timestamp"), dataformats="HWC")
        self._rows[run.id] = max(known, len(run.history))
        if run.exit_code is not None and run.id not in self._ended:
            self._ended.add(run.id)
            write_outcome(writer, run, varied)
        writer.flush()


def unique_names(runs: list[OfflineRun]) -> list[str]:
    """Name runs GROUP/NAME, with their id where two share that."""
    names = ["/".join(filter(None, (run.group, run.name or run.id))) for run in runs]
    return [f"{name}-{run.id}" if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]


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


def write_outcome(writer: SummaryWriter, run: OfflineRun, varied: Collection[str]) -> None:
    """Write what a finished run says of itself: IoU a class, and its `varied` options with its results."""
    summary = {key: value for key, value in run.summary.items() if isinstance(value, int | float)}
    iou = {name: summary.get(keys.class_key(name)) for name in run.config.get("classes", {})}
    if any(value is not None for value in iou.values()):
        lines = [f"| {name} | {'absent' if value is None else f'{100 * value:.2f}'} |" for name, value in iou.items()]
        writer.add_text("IoU of each class, %", "\n".join(["| class | IoU |", "|---|---:|", *lines]))
    results = {key: float(value) for key, value in summary.items() if key.startswith(RESULTS)}
    chosen = {name: value for name, value in options(run.config).items() if name in varied}
    for part in hparams(chosen, results):  # type: ignore[no-untyped-call]
        writer._get_file_writer().add_summary(part)  # type: ignore[no-untyped-call]  # add_hparams writes a run of its own
    for key, value in results.items():
        writer.add_scalar(key, value)


def varied_options(runs: Sequence[OfflineRun]) -> set[str]:
    """Name the options in which runs differ, and row and seed."""
    flat = [options(run.config) for run in runs]
    names = {name for each in flat for name in each}
    return {"row", "seed"} | {name for name in names if len({each.get(name) for each in flat}) > 1}


def options(config: Mapping[str, Any], prefix: str = "") -> dict[str, bool | float | str]:
    """Flatten a configuration to dotted names of what a user would choose."""
    flat: dict[str, bool | float | str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= options(value, f"{name}.")
        elif not key.startswith("_") and not name.startswith(HIDDEN):
            flat[name] = value if isinstance(value, bool | int | float) else str(value)
    return flat
