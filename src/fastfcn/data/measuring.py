"""Ranges, means and deviations of channels that no pretrained network knows, from the training images."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.bands import Bands

MOST_IMAGES = 500  # spread evenly over the split
LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Measured:
    """`ranges` of the numbers in the files; `mean` and `std`, a value a channel, of the images read with them."""

    bands: Bands
    mean: tuple[float, ...]
    std: tuple[float, ...]


def measure(paths: list[Path], bands: Bands, *, upright: bool) -> Measured:
    """Measure up to MOST_IMAGES of the images; their least and greatest numbers are the ranges that are not given."""
    chosen = [paths[int(place)] for place in np.linspace(0, len(paths) - 1, min(len(paths), MOST_IMAGES))]
    if bands.measures:
        bands = replace(
            bands, ranges=_extremes(_stored(path, bands, upright=upright) for path in chosen), measures=False
        )
    sums = squares = np.zeros(bands.channels)
    count = 0
    for path in chosen:
        for part in _read(path, bands, upright=upright):
            values = part.reshape(-1, part.shape[2]).astype(np.float64) / (255 if part.dtype == np.uint8 else 1)
            sums, squares, count = sums + values.sum(0), squares + (values**2).sum(0), count + len(values)
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    std[std < LEAST_DEVIATION] = 1  # of a channel that never changes
    return Measured(bands, tuple(mean.clip(0, 1).round(6).tolist()), tuple(std.round(6).tolist()))


def _extremes(images: Iterator[Iterator[tuple[NDArray[Any], float | None]]]) -> tuple[tuple[float, float], ...]:
    low: Any = np.inf
    high: Any = -np.inf
    for image in images:
        for part, nodata in image:
            values = part.reshape(-1, part.shape[2]).astype(np.float64)
            values[~np.isfinite(values) | (values == (np.nan if nodata is None else nodata))] = np.nan
            with np.errstate(all="ignore"):
                low, high = np.fmin(low, np.fmin.reduce(values)), np.fmax(high, np.fmax.reduce(values))
    low = np.where(np.isfinite(low), low, 0.0)
    high = np.where(high > low, high, low + 1.0)  # of a channel that never changes
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def _stored(path: Path, bands: Bands, *, upright: bool) -> Iterator[tuple[NDArray[Any], float | None]]:
    large = bands.windowed(path)
    if large is None:
        yield bands.stored(path, upright=upright)
    else:
        yield from ((part, large.tiff.nodata) for part in large.stored_parts())


def _read(path: Path, bands: Bands, *, upright: bool) -> Iterator[NDArray[Any]]:
    large = bands.windowed(path)
    if large is None:
        yield bands.read(path, upright=upright)
    else:
        yield from large.parts()
