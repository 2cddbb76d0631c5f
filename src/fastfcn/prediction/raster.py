"""Masks as tiled TIFFs, written some rows at a time: those of images that are large, or lie somewhere on Earth."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.georeference import Georeference
from fastfcn.data.palette import Colour, png_palette
from fastfcn.disk import explained

TILE = 256  # pixels a side
CLASSIC = 2**32 - 2**25  # bytes that a TIFF of 32-bit offsets can hold


def write_raster(
    path: Path,
    parts: Iterable[UInt8],
    size: tuple[int, int],
    palette: tuple[Colour, ...],
    georeference: Georeference | None,
) -> None:
    """Write a mask, of which `parts` are the rows (h, W) from above, whole or not at all."""
    import tifffile

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    colours = np.array(png_palette(palette), np.uint16).reshape(256, 3).T * 257  # 16 bits each
    try:
        with explained(path), tifffile.TiffWriter(temporary, bigtiff=size[0] * size[1] > CLASSIC) as writer:
            writer.write(
                _tiles(parts, size),
                shape=size,
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="palette",
                colormap=colours,
                compression="zlib",
                extratags=() if georeference is None else georeference.with_nodata(IGNORE),
                metadata=None,
                software=False,
                maxworkers=1,
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _tiles(parts: Iterable[UInt8], size: tuple[int, int]) -> Iterator[UInt8]:
    """Cut rows into tiles, from above and from the left; those at the border are filled up with zeros."""
    width = -(-size[1] // TILE) * TILE
    band: UInt8 = np.zeros((TILE, width), np.uint8)
    filled = done = 0
    for part in parts:
        while len(part):
            taken = min(TILE - filled, len(part))
            band[filled : filled + taken, : size[1]] = part[:taken]
            part, filled, done = part[taken:], filled + taken, done + taken
            if filled == TILE or done == size[0]:
                band[filled:] = 0
                yield from (band[:, left : left + TILE].copy() for left in range(0, width, TILE))
                filled = 0
