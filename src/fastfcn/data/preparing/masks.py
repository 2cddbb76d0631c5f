"""Masks that are published as run lengths, polygons or MATLAB files, converted once into 8-bit PNG."""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.progress import track

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.images import read_indices
from fastfcn.files import write_atomically
from fastfcn.pool import process_pool

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
    with process_pool(workers, start="fork") as pool:
        results = pool.map(task, items, chunksize=CHUNK)  # forks before the progress bar starts its thread
        try:
            yield from track(results, description, total=len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what is left would be done first
            raise


@contextmanager
def named(source: str) -> Iterator[None]:
    """Put the name of the source before what is wrong with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
