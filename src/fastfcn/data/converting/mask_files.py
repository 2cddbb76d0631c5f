"""Masks that are pictures: of indices, or of colours."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.converting.contents import Annotation, Legend
from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.images import read_colours, read_head, read_indices
from fastfcn.data.listing import shortened
from fastfcn.data.palette import Colour

GREY = ("RGB", "RGBA", "LA")  # modes that may hold values as grey colours
OPAQUE = 128  # alpha from which on a pixel is not transparent


@dataclass(frozen=True)
class MaskFile(Annotation):
    """A mask that is a picture."""

    path: Path

    def where(self) -> str:
        """Return the mask."""
        return str(self.path)

    def size(self) -> tuple[int, int] | None:
        """Return the mask's own size."""
        head = read_head(self.path)
        return head.height, head.width

    def version(self) -> str:
        """Add the state of the file."""
        return f"{self!r} {state(self.path)}"


@dataclass(frozen=True)
class IndexMask(MaskFile):
    """A mask of values. `labels` names them, None being of no class; from `instances` on they are divided by it."""

    labels: tuple[tuple[int, str | None], ...]
    instances: int | None = None
    lenient: bool = False

    def mask(self, height: int, width: int, legend: Legend, told: list[str]) -> UInt8:
        """Translate the values."""
        values = read_values(self.path).astype(np.int64)
        if self.instances is not None:
            values = np.where(values >= self.instances, values // self.instances, values)
        known = {value: legend.value(label) for value, label in self.labels}
        distinct, counts = np.unique(values, return_counts=True)
        unknown = {int(value): int(count) for value, count in zip(distinct, counts, strict=True) if value not in known}
        if unknown and not self.lenient:
            told = [f"{value} ({count} pixels)" for value, count in unknown.items()]
            raise ValueError(
                f"mask {self.path} holds {len(unknown)} values without a class: {shortened(told)}; give each one in "
                "classes={VALUE: NAME, ...}, or unknown=ignored"
            )
        table = np.full(int(distinct.max()) + 1, IGNORE, np.uint8)
        for value in set(map(int, distinct)) & set(known):
            table[value] = known[value]
        mask: UInt8 = table[values]
        return mask


@dataclass(frozen=True)
class ColourMask(MaskFile):
    """A mask of colours, of which each channel may differ by `tolerance`; transparent pixels count as black."""

    colours: tuple[tuple[Colour, str], ...]
    tolerance: int = 0
    lenient: bool = False

    def mask(self, height: int, width: int, legend: Legend, told: list[str]) -> UInt8:
        """Translate the colours."""
        values = (*(legend.value(name) for _, name in self.colours), IGNORE)
        pixels = read_colours_of(self.path)
        places = _table(tuple(colour for colour, _ in self.colours), self.tolerance)[tuple(np.moveaxis(pixels, -1, 0))]
        if not self.lenient and (unknown := places == len(self.colours)).any():
            distinct, counts = np.unique(pixels[unknown], axis=0, return_counts=True)
            order = np.argsort(-counts)
            told = [f"({', '.join(map(str, distinct[each].tolist()))}) {counts[each]} pixels" for each in order]
            raise ValueError(
                f"mask {self.path} holds {len(told)} colours that no class has: {shortened(told)}; add them to "
                f"palette=, or give tolerance= or unknown=ignored{_why(self.path)}"
            )
        mask: UInt8 = np.array(values, np.uint8)[places]
        return mask


@lru_cache(maxsize=2)
def _table(colours: tuple[Colour, ...], tolerance: int) -> NDArray[np.uint8]:
    """Return a table (256, 256, 256) of the places of colours, and their number for all others."""
    table = np.full((256, 256, 256), len(colours), np.uint8)
    for place, colour in enumerate(colours):
        table[tuple(slice(max(each - tolerance, 0), each + tolerance + 1) for each in colour)] = place
    return table


def read_values(path: Path) -> np.ndarray:
    """Read a mask of indices (H, W), which may be stored as grey colours. Raises ValueError for other colours."""
    if read_head(path).mode not in GREY:
        return read_indices(path)
    pixels = read_colours_of(path)
    if (pixels != pixels[..., :1]).any():
        raise ValueError(f"mask {path} holds colours, not class indices; say what they are with palette=")
    return pixels[..., 0]


def read_colours_of(path: Path) -> UInt8:
    """Read a mask of colours (H, W, 3), of which transparent pixels are black."""
    pixels = read_colours(path)
    pixels[pixels[..., 3] < OPAQUE] = 0
    return pixels[..., :3]


def _why(path: Path) -> str:
    return "; it is a JPEG, which does not keep colours" if path.suffix.lower() in (".jpg", ".jpeg") else ""


def state(path: Path) -> tuple[int, int]:
    """Return what changes with the content of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns
