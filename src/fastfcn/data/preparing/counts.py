"""How many pixels and images of each class the masks of each split hold."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastfcn.data.dataset import IGNORE
from fastfcn.data.labelled import MAX_VALUES, SCORING, TRAINING, few_classes
from fastfcn.data.listing import shortened
from fastfcn.data.pairs import FileData, Pair


def _zeros() -> NDArray[np.int64]:
    return np.zeros(MAX_VALUES, np.int64)


@dataclass
class _Counts:
    """By class index, those of no class at IGNORE; `masks` were read."""

    pixels: NDArray[np.int64] = field(default_factory=_zeros)
    images: NDArray[np.int64] = field(default_factory=_zeros)
    masks: int = 0


class ClassCounts:
    """Counts of `data`, of whose `splits` every pair is added once."""

    def __init__(self, data: FileData, splits: Mapping[str, Set[Pair]]) -> None:
        self._data = data
        self._splits = {name: pairs for name, pairs in splits.items() if any(pair.mask for pair in pairs)}
        self._counts = {name: _Counts() for name in self._splits}

    def add(self, pair: Pair, pixels: NDArray[np.int64] | None) -> None:
        """Count a mask's pixels of every class index, if it could be read."""
        for name, pairs in self._splits.items():
            if pixels is not None and pair in pairs:
                counts = self._counts[name]
                counts.pixels += pixels
                counts.images += pixels > 0
                counts.masks += 1

    def faults(self) -> Iterator[str]:
        """Find splits that hold too few classes to train with or to score by; damaged masks may hold more."""
        for name, counts in self._counts.items():
            needed = TRAINING if name == self._data.train_split else SCORING
            if self._whole(name) and np.count_nonzero(counts.pixels[:IGNORE]) < needed:
                yield few_classes(self._data, name, counts.pixels)

    def warnings(self) -> Iterator[str]:
        """Tell of classes that no mask holds, or none to train with; damaged masks may hold them."""
        classes, train = self._data.classes, self._data.train_split
        if not self._counts or not all(map(self._whole, self._counts)):
            return
        anywhere = sum((counts.images for counts in self._counts.values()), _zeros())
        nowhere = [name for name, images in zip(classes, anywhere, strict=False) if not images]
        if nowhere:
            yield f"no mask holds {shortened(nowhere)} ({len(nowhere)} of {len(classes)} classes)"
        if train in self._counts:
            images = self._counts[train].images
            untrained = [name for index, name in enumerate(classes) if anywhere[index] and not images[index]]
            if untrained:
                yield f"no mask of split {train!r} holds {shortened(untrained)}, which cannot be learnt so"

    def _whole(self, name: str) -> bool:
        return self._counts[name].masks == len(self._splits[name])

    def table(self) -> Table:
        """Show every class's share of the pixels, and the images that it is in."""
        table = Table(title=f"{self._data.name}: share of all pixels, and images with the class")
        for heading in ("", "class"):
            table.add_column(heading)
        for name in self._counts:
            table.add_column(escape(name), justify="right")
            table.add_column("images", justify="right")
        for index, name in enumerate(self._data.classes):
            table.add_row(str(index), escape(name), *self._cells(index))
        table.add_section()
        table.add_row("", "of no class", *self._cells(IGNORE))
        return table

    def _cells(self, index: int) -> list[str]:
        cells = []
        for counts in self._counts.values():
            share = 100 * counts.pixels[index] / max(counts.pixels.sum(), 1)
            cells += [f"{share:.2f} %", f"{counts.images[index]} of {counts.masks}"]
        return cells

    def show(self) -> None:
        """Print the table, if masks were read."""
        if any(counts.masks for counts in self._counts.values()):
            Console().print(self.table())
