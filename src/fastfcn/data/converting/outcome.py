"""What came of a conversion: a table on the screen, and report.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.converting.contents import Contents, Legend
from fastfcn.data.converting.layout import TRAIN, VAL
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import PALETTE
from fastfcn.data.labelled import SCORING, TRAINING
from fastfcn.data.listing import shortened
from fastfcn.data.text import read_lines
from fastfcn.files import write_atomically

CLASSES, REPORT = "classes.txt", "report.json"

FEW = 5  # classes that are told one a line

Pixels = Mapping[str, Sequence[NDArray[np.int64]]]  # of every image, by class index, by split


@dataclass(frozen=True)
class Result:
    """What was converted, from what."""

    source: Path
    contents: Contents
    legend: Legend
    pixels: Pixels
    warnings: Sequence[str]


def write_names(root: Path, legend: Legend) -> None:
    """Write the colours, and the names, without which the folder is no dataset, last."""
    lines = [
        f"{red} {green} {blue} {name}" for (red, green, blue), name in zip(legend.palette, legend.classes, strict=True)
    ]
    write_atomically(root / PALETTE, "".join(f"{line}\n" for line in lines).encode())
    write_atomically(root / CLASSES, "".join(f"{name}\n" for name in legend.classes).encode())


def retract_names(root: Path, legend: Legend) -> None:
    """Take away the names of other classes, so that the folder is no dataset before it is whole."""
    path = root / CLASSES
    if path.is_file() and read_lines(path)[: len(legend.classes)] != list(legend.classes):
        path.unlink()


def write_report(root: Path, result: Result) -> None:
    """Write what was found, for programs."""
    classes = {
        name: {
            split: {
                "pixels": int(sum(each[index] for each in images)),
                "images": sum(bool(each[index]) for each in images),
            }
            for split, images in result.pixels.items()
        }
        for index, name in [*enumerate(result.legend.classes), (IGNORE, "of no class")]
    }
    content = {
        "source": str(result.source),
        "images": {split: len(images) for split, images in result.pixels.items()},
        "labels": dict(result.legend.values),
        "unlabelled": result.legend.unlabelled,
        "classes": classes,
        "warnings": list(result.warnings),
        "left_out": result.contents.faults,
    }
    write_atomically(root / REPORT, json.dumps(content, indent=1, ensure_ascii=False).encode())


def never_labelled(contents: Contents, legend: Legend, pixels: Pixels) -> list[str]:
    """Tell of classes that no pixel has, with the place that names them."""
    held = sum((each for images in pixels.values() for each in images), np.zeros(IGNORE + 1, np.int64))
    places = {
        value: place for label, value in reversed(list(legend.values.items())) if (place := contents.found[label])
    }
    empty = [(index, name) for index, name in enumerate(legend.classes) if not held[index]]
    if len(empty) > FEW:
        return [f"{len(empty)} classes are never labelled: {shortened([name for _, name in empty], 10)}"]
    return [
        f"{f'{places[index]}: ' if index in places else ''}class {name!r} is never labelled" for index, name in empty
    ]


def poor_splits(legend: Legend, pixels: Pixels) -> list[str]:
    """Tell of splits that show too few classes to train with or to score by, and of a missing one."""
    told = []
    for split, images in pixels.items():
        present = [name for index, name in enumerate(legend.classes) if any(each[index] for each in images)]
        if len(present) < (TRAINING if split == TRAIN else SCORING):
            told.append(
                f"split {split!r} shows no class{f' but {present[0]}' if present else ''}: nothing to learn or score"
            )
    return [*told, *(f"there is no split {name!r}" for name in (TRAIN, VAL) if name not in pixels)]


def tell_empty(empty: Sequence[str]) -> list[str]:
    """Tell of shapes that cover no pixel."""
    return [f"{len(empty)} shapes cover no pixel: {shortened(empty)}"] if empty else []
