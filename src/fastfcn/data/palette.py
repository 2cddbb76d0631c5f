"""Colours for class indices."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from fastfcn.data.dataset import IGNORE
from fastfcn.data.text import read_lines
from fastfcn.options import Byte

Colour = tuple[Byte, Byte, Byte]


def voc_palette(count: int) -> tuple[Colour, ...]:
    """Return the colours of PASCAL VOC: the bits of the index, spread over the high bits of red, green and blue."""
    index = np.arange(count)
    colours = np.zeros((count, 3), dtype=np.int64)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return tuple((int(red), int(green), int(blue)) for red, green, blue in colours)


def hexadecimal(colour: Colour) -> str:
    """Write a colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def png_palette(palette: tuple[Colour, ...]) -> list[int]:
    """Flatten into a PNG's 256 colours; ignored pixels are white."""
    colours = np.zeros((256, 3), dtype=np.int64)
    colours[: len(palette)] = palette
    colours[IGNORE] = 255
    return [int(value) for value in colours.flatten()]


def read_legend(name: str) -> tuple[tuple[str, ...], tuple[Colour, ...]]:
    """Read the class names and published colours in legends/`name`.txt: a line is `red green blue name`."""
    lines = files("fastfcn.data").joinpath(f"legends/{name}.txt").read_text().splitlines()
    return _parsed(line.split(maxsplit=3) for line in lines)


def read_palette(path: Path) -> tuple[tuple[str, ...], tuple[Colour, ...]]:
    """Read such a file of anyone's. Raises ValueError naming a line that is another."""
    rows = [line.split(maxsplit=3) for line in read_lines(path) if line]
    for row in rows:
        if len(row) < 4 or not all(each.isdecimal() and int(each) < 256 for each in row[:3]):
            raise ValueError(f"{path} has the line {' '.join(row)[:80]!r}; a line is RED GREEN BLUE NAME")
    return _parsed(rows)


def _parsed(rows: Iterable[list[str]]) -> tuple[tuple[str, ...], tuple[Colour, ...]]:
    rows = list(rows)
    return tuple(row[3] for row in rows), tuple((int(row[0]), int(row[1]), int(row[2])) for row in rows)
