"""Offline W&B runs as TensorBoard's event files: curves, pictures, scores of classes, options against results."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field, ValidationError
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fastfcn.data.palette import Colour
from fastfcn.pictures import comparison
from fastfcn.safe_pictures import read_picture
from fastfcn.tracking import keys
from fastfcn.tracking.offline import OfflineRun, find_run_files, read_runs

PICTURES = "val/predictions"  # which TensorBoard sorts behind the curves
AXES = (keys.STEP, "epoch")
HIDDEN = ("_", "logger.", "classes", "palette")  # beginnings of options that are no choice of an experiment
RESULTS = (keys.BEST_MIOU, keys.BEST_PIXACC, keys.FPS, keys.GFLOPS, keys.PARAMETERS)
LONGEST, LONGEST_OPTION = 60, 200  # characters
GREATEST = 1e30  # of a number; beyond it nothing can be drawn
MOST_PICTURES = 100  # of a row
COLOUR = re.compile("#[0-9a-f]{6}")

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
    left_out: list[str] = field(default_factory=list)
    _written: dict[str, Written] = field(default_factory=dict)
    _compared: Options | None = None
    _state: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def update(self) -> None:
        """Write what is new, and tell in `left_out` what could not be read, a line a file."""
        state = {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in find_run_files(self.roots)}
        if state == self._state:
            return
        self.left_out = []
        runs = read_runs(self.roots, self.left_out)
        self.names = unique_names(runs)
        if self._compared is None:
            self._compared = varied_options(runs)
        for run, name in zip(runs, self.names, strict=True):
            try:
                self._write(run, name, self._compared)
            except (OSError, ValueError) as error:
                self.left_out.append(f"{name}: {error}")
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
            self.left_out += [f"{name}: {fault}" for fault in write_row(written.writer, run, row)]
            written.rows += 1
        if run.exit_code is not None:
            write_outcome(written.writer, run, compared)
        written.writer.close()  # opens again by itself


def unique_names(runs: Sequence[OfflineRun]) -> list[str]:
    """Name runs GROUP/NAME, with their id where two share that, so that a name can be that of a folder."""
    names = ["/".join(map(folder_name, filter(None, (run.group, run.name or run.id)))) for run in runs]
    unique: dict[str, None] = {}
    for name, run in zip(names, runs, strict=True):
        own = f"{name}-{folder_name(run.id)}" if names.count(name) > 1 else name
        free = (own, *(f"{own}-{number}" for number in range(2, len(runs) + 2)))
        unique[next(each for each in free if each not in unique)] = None
    return list(unique)


def folder_name(text: str) -> str:
    """Turn a name out of a file into one folder's: no separator, no dots alone, no more than file systems take."""
    return re.sub(r"[^\w.=,+ -]", "_", text)[:LONGEST].strip(". ") or "unnamed"


def write_row(writer: SummaryWriter, run: OfflineRun, row: Mapping[str, Any]) -> list[str]:
    """Write a row of the history: its numbers, and its pictures side by side with what they show.

    Returns a line on each row of pictures that cannot be shown.
    """
    step, time = row.get(keys.STEP, 0), finite(row.get("_timestamp"))
    for key, value in row.items():
        number = finite(value, nan=True)
        if number is not None and not key.startswith("_") and key not in AXES:
            writer.add_scalar(key, number, step, walltime=time)
    try:
        for picture, caption in pictures(run, row):
            writer.add_image(f"{PICTURES}/{caption}", np.asarray(picture), step, walltime=time, dataformats="HWC")
    except (OSError, ValueError) as error:
        return [str(error)]
    return []


def finite(value: Any, *, nan: bool = False) -> float | None:
    """Return a number that TensorBoard can draw, or None; what is not a number passes only if `nan` allows it."""
    if not isinstance(value, int | float) or (value != value and not nan):
        return None
    return value if value != value or abs(value) < GREATEST else None


class Masks(BaseModel):
    """The masks over a picture."""

    prediction: dict[str, Any]
    truth: dict[str, Any]


class Shown(BaseModel):
    """Pictures of one row of the history, as W&B describes them."""

    filenames: list[str] = Field(max_length=MOST_PICTURES)
    captions: list[str]
    all_masks: list[Masks]


def pictures(run: OfflineRun, row: Mapping[str, Any]) -> Iterator[tuple[Image.Image, str]]:
    """Yield image, truth and prediction side by side, and a caption, for every picture of a row of the history.

    Raises ValueError or OSError for what is not there or no such picture.
    """
    if not isinstance(row.get(keys.IMAGES), dict):
        return
    try:
        shown = Shown.model_validate(row[keys.IMAGES])
    except ValidationError as error:
        raise ValueError(f"{keys.IMAGES} are not described as W&B does") from error
    palette = colours(run)
    for file, caption, masks in zip(shown.filenames, shown.captions, shown.all_masks, strict=True):
        image = np.asarray(read_picture(run.media_path(file)).convert("RGB"))
        truth, prediction = (
            np.asarray(read_picture(run.media_path(str(mask.get("path")))).convert("L"))
            for mask in (masks.truth, masks.prediction)
        )
        if not image.shape[:2] == truth.shape == prediction.shape:
            raise ValueError(f"{file} and its masks differ in size")
        yield comparison(image, truth, prediction, palette), caption[:LONGEST]


def colours(run: OfflineRun) -> tuple[Colour, ...]:
    """Read the classes' colours from the run's configuration. Raises ValueError if it holds none."""
    codes = run.config.get("palette")
    if not isinstance(codes, list) or not all(isinstance(code, str) and COLOUR.fullmatch(code) for code in codes[:256]):
        raise ValueError("its configuration holds no palette of #rrggbb")
    return tuple((int(code[1:3], 16), int(code[3:5], 16), int(code[5:], 16)) for code in codes[:256])


def write_outcome(writer: SummaryWriter, run: OfflineRun, compared: Options) -> None:
    """Write what an ended run says of itself: IoU a class, and its options, those of `compared`, with its results."""
    iou = {name: finite(run.summary.get(keys.class_key(name))) for name in run.classes}
    if any(value is not None for value in iou.values()):
        lines = [f"| {name} | {'absent' if value is None else f'{100 * value:.2f}'} |" for name, value in iou.items()]
        writer.add_text("IoU of each class, %", "\n".join(["| class | IoU |", "|---|---:|", *lines]))
    own = {name: value for name, value in options(run.config).items() if name in compared}
    found = {key: finite(run.summary.get(key)) for key in RESULTS}
    results = {key: value for key, value in found.items() if value is not None}
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
            flat[name] = str(value)[:LONGEST_OPTION] if finite(value) is None else value
    return flat
