"""Masks that are published as run lengths, polygons or MATLAB files, converted once into 8-bit PNG."""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import scipy.io
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco
from rich.progress import track

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.images import read_indices
from fastfcn.files import write_atomically

MIN_COORDINATES = 6  # of a polygon: x and y of three corners
CHUNK = 16  # conversions handed to a process at a time

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Conversion(ABC):
    """A mask to be made; sent to another process."""

    output: Path

    @abstractmethod
    def mask(self) -> UInt8:
        """Make the mask (H, W). Raises ValueError naming the source if it is damaged."""


def convert(conversions: Sequence[Conversion], *, description: str, workers: int) -> list[int]:
    """Make every mask that is not there yet, and return how many pixels of each belong to an object.

    A mask appears whole or not at all, so that an interrupted conversion goes on where it stopped.
    """
    return list(in_parallel(_convert, conversions, description=description, workers=workers))


def _convert(conversion: Conversion) -> int:
    if conversion.output.exists():
        mask = read_indices(conversion.output)
    else:
        mask = conversion.mask()
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, format="PNG")
        write_atomically(conversion.output, buffer.getvalue())
    return int(np.count_nonzero((mask != 0) & (mask != IGNORE)))


def in_parallel(
    task: Callable[[Item], Result], items: Sequence[Item], *, description: str, workers: int
) -> Iterator[Result]:
    """Run `task` on every item in so many processes, in order and with a progress bar; 1 is this process alone."""
    if workers == 1 or len(items) <= CHUNK:
        yield from track(map(task, items), description, total=len(items))
        return
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(task, items, chunksize=CHUNK)  # forks before the progress bar starts its thread
        try:
            yield from track(results, description, total=len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what is left would be done first
            raise


def paint(regions: Iterable[tuple[int, Any]], height: int, width: int, *, over: bool) -> UInt8:
    """Paint `regions`, pairs of a value and a COCO segmentation, onto zeros (H, W).

    Where regions overlap the later wins with `over`, or else the earlier.
    """
    mask = np.zeros((height, width), np.uint8)
    for value, segmentation in regions:
        region = decode(segmentation, height, width)
        mask[region if over else region & (mask == 0)] = value
    return mask


def decode(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """Decode polygons or run lengths, compressed or not, into booleans (H, W).

    Raises ValueError if they are neither, or not of that size.
    """
    if _is_run_lengths(segmentation, height, width):
        compressed = not isinstance(segmentation["counts"], list)
        coded = segmentation if compressed else coco.frPyObjects(segmentation, height, width)
    elif _is_polygons(segmentation):
        coded = coco.frPyObjects(segmentation, height, width)
    else:
        raise ValueError(
            f"a segmentation is neither polygons nor run lengths of {width}x{height} pixels: {str(segmentation)[:80]}"
        )
    region: NDArray[np.bool_] = coco.decode(coded).astype(bool)
    return region if region.ndim == 2 else np.logical_or.reduce(region, axis=2)  # one layer a polygon


def _is_run_lengths(segmentation: Any, height: int, width: int) -> bool:
    if not isinstance(segmentation, dict) or list(segmentation.get("size", [])) != [height, width]:
        return False
    counts = segmentation.get("counts")
    return isinstance(counts, str) or (isinstance(counts, list) and sum(counts) == height * width)


def _is_polygons(segmentation: Any) -> bool:
    """Tell whether these are lists of coordinates; pycocotools takes a first one that is shorter for a box."""
    return (
        isinstance(segmentation, list)
        and bool(segmentation)
        and all(isinstance(points, list) for points in segmentation)
        and len(segmentation[0]) >= MIN_COORDINATES
    )


@contextmanager
def named(source: str) -> Iterator[None]:
    """Put the name of the source before what is wrong with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def read_matlab(path: Path, *fields: str) -> NDArray[np.generic]:
    """Read a variable of a .mat file, or a field in it. Raises ValueError if it is damaged or has none."""
    try:
        value: Any = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)[fields[0]]
        for field in fields[1:]:
            value = getattr(value, field)
        return np.atleast_2d(np.asarray(value))
    except (KeyError, AttributeError) as error:
        raise ValueError(f"{path} holds no {'.'.join(fields)}") from error
    except (OSError, ValueError, TypeError, NotImplementedError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
