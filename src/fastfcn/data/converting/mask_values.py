"""What the values of index masks mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fastfcn.data.cityscapes import CLASSES, RAW_COUNT, RAW_IDS
from fastfcn.data.converting.mask_files import IndexMask, read_values
from fastfcn.data.dataset import IGNORE
from fastfcn.data.images import read_head
from fastfcn.data.listing import shortened

BINARY = {0, IGNORE}
CITYSCAPES = "cityscapes"
INSTANCES = 1000  # ids of its instances are this times the class's, and a number

Values = Mapping[int, str | None]


def values_of_list(names: Sequence[str], *, first: int) -> Values:
    """Name the values from `first` on; those below, and 255, are of no class."""
    return {**dict.fromkeys((*range(first), IGNORE)), **dict(enumerate(names, first))}


def values_of_map(names: Values) -> Values:
    """Take a map as it is; 255 is of no class unless it is there."""
    return {**names, IGNORE: names.get(IGNORE)}


def cityscapes_mask(path: Path, *, lenient: bool) -> IndexMask:
    """Return a mask of Cityscapes, whose name tells whether it holds ids, instances or places among the classes."""
    if path.stem.lower().endswith("trainids"):
        values = {len(CLASSES): None, **values_of_list(CLASSES, first=0)}  # some write 19 for 255
    else:
        names: dict[int, str | None] = dict.fromkeys((*range(RAW_COUNT), IGNORE))
        values = {**names, **dict(zip(RAW_IDS, CLASSES, strict=True))}
    return IndexMask(path, tuple(values.items()), INSTANCES, lenient)


def is_binary(masks: Iterable[Path]) -> bool:
    """Tell whether masks hold 0 and 255 alone, both of them; one that cannot be read does not."""
    found: set[int] = set()
    for values in _values(masks):
        found |= values
        if not found <= BINARY:
            return False
    return found == BINARY


def distinct_values(masks: Iterable[Path], *, most: int = 64) -> list[int]:
    """Return the values of masks, no more than some. Raises ValueError if one cannot be read."""
    found: set[int] = set()
    for values in _values(masks):
        found |= values
        if len(found) > most:
            break
    return sorted(found)


def require_one_palette(masks: Iterable[Path]) -> None:
    """Raise ValueError if two palette masks give one index different colours: then the colours are the classes."""
    first: tuple[Path, bytes] | None = None
    for path in masks:
        palette = read_head(path).palette
        if palette is None:
            continue
        if first is None or (len(palette) > len(first[1]) and palette.startswith(first[1])):
            first = (path, palette)
        elif not first[1].startswith(palette):
            places = range(0, min(len(palette), len(first[1])), 3)
            index = next(each for each in places if palette[each : each + 3] != first[1][each : each + 3])
            raise ValueError(
                f"index {index // 3} is the colour {tuple(palette[index : index + 3])} in mask {path} and "
                f"{tuple(first[1][index : index + 3])} in {first[0]}: if colours are the classes give palette=, if "
                "indices are give classes={0: NAME, 1: NAME, ...}"
            )


def _values(masks: Iterable[Path]) -> Iterator[set[int]]:
    for path in masks:
        yield set(np.unique(read_values(path)).tolist())


def how_to_name(values: Sequence[int]) -> str:
    """Say what masks hold, and how to name it."""
    given = ", ".join(f"{value}: NAME" for value in values[:5]) + (", ..." if len(values) > 5 else "")
    return f"they hold the values {shortened(values, 10)}: name them with 'classes={{{given}}}', or a classes.txt there"
