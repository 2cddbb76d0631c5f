"""Classes of a dataset under other names: merged, or of no class."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.palette import Colour
from fastfcn.options import Name

Remap = dict[Name, Name | None]  # of classes to their new names; null: of no class


@dataclass(frozen=True)
class Remapping:
    """The classes that are left, and for every old index the new one or IGNORE."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    indices: tuple[int, ...]

    def table(self) -> UInt8:
        """Return the new value of every value of a mask, (256,)."""
        table: UInt8 = np.full(IGNORE + 1, IGNORE, np.uint8)
        table[: len(self.indices)] = self.indices
        return table


def remapped(classes: Sequence[str], palette: Sequence[Colour], remap: Mapping[str, str | None]) -> Remapping:
    """Rename classes; those of one name become one, where the first of them stands, in the colour of that name.

    Raises ValueError for a name that is no class, or if fewer than two are left.
    """
    for name in remap:
        if name not in classes:
            raise ValueError(f"data.remap names {name!r}, which is no class{near(name, classes)}")
    targets = [remap.get(name, name) for name in classes]
    names = tuple(dict.fromkeys(target for target in targets if target is not None))
    if len(names) < 2:
        raise ValueError(f"data.remap leaves {len(names)} classes ({', '.join(names)}); two are needed to train")
    places = {name: classes.index(name) if name in classes else targets.index(name) for name in names}
    return Remapping(
        names,
        tuple(palette[places[name]] for name in names),
        tuple(IGNORE if target is None else names.index(target) for target in targets),
    )


def near(name: str, known: Sequence[str]) -> str:
    """Say which known name is meant, and which there are."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return f"{hint} There are {shown}"
