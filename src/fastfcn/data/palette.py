"""Colours for class indices."""

from importlib.resources import files

import numpy as np

from fastfcn.data.dataset import IGNORE
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
    rows = [line.split(maxsplit=3) for line in lines]
    return tuple(row[3] for row in rows), tuple((int(row[0]), int(row[1]), int(row[2])) for row in rows)
