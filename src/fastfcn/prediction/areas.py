"""How much of each image every class covers, as a table."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from fastfcn.files import write_atomically
from fastfcn.prediction.journal import Entry

NAME = "areas.csv"
HEADER = ("image", "class", "pixels", "share")


def write_areas(folder: Path, entries: Iterable[Entry], classes: Sequence[str]) -> None:
    """Write a row for every image and class; of a video all frames count together."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    for entry in sorted(entries, key=lambda each: each["name"]):
        total = max(sum(entry["pixels"]), 1)
        for name, pixels in zip(classes, entry["pixels"], strict=False):
            table.writerow((entry["name"], name, pixels, f"{pixels / total:.6f}"))
    write_atomically(folder / NAME, text.getvalue().encode(errors="surrogateescape"))
