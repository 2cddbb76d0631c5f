"""From the labels of a source to classes: named, ordered, merged, left out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fastfcn.data.classes import read_classes, require_class_names
from fastfcn.data.converting.contents import Contents, Legend
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import MAX_CLASSES
from fastfcn.data.listing import shortened
from fastfcn.data.palette import Colour, voc_palette
from fastfcn.data.remapping import near

NO_CLASS = ("void", "ignore", "ignored", "unlabeled", "unlabelled")  # what tools call pixels that belong to none


def build_legend(contents: Contents, remap: Mapping[str, str | None]) -> Legend:
    """Order the classes: those chosen, or else as found, the background first where the source has none of its own.

    `remap` gives labels another name, or None for no class. Raises ValueError for a label that it alone knows.
    """
    for name in remap:
        if name not in contents.found:
            raise ValueError(f"remap names {name!r}, which the source has not{near(name, list(contents.found))}")
    targets = {label: remap.get(label, _kept(label, contents)) for label in contents.found}
    names = list(contents.chosen or dict.fromkeys(name for name in targets.values() if name is not None))
    background = None if contents.background is None else _background(contents.background, names)
    if background is not None and background not in names:
        names.insert(0, background)
    require_class_names(names, "folder")
    if not 1 < len(names) <= MAX_CLASSES:
        raise ValueError(f"a dataset needs 2 to {MAX_CLASSES} classes, found {len(names)} ({shortened(names)})")
    index = {name: value for value, name in enumerate(names)}
    values = {
        label: IGNORE if target is None else index[target]
        for label, target in targets.items()
        if target is None or target in index
    }
    unlabelled = IGNORE if background is None else index[background]
    return Legend(tuple(names), _colours(names, targets, contents.colours), values, unlabelled)


def left_out(legend: Legend) -> str | None:
    """Name the labels that are of no class; None if all are of one."""
    names = [label for label, value in legend.values.items() if value == IGNORE]
    return f"of no class (255): {shortened(names, 10)}; remap={{NAME: NAME}} keeps one" if names else None


def chosen_classes(classes: Sequence[str] | str | None) -> tuple[str, ...] | None:
    """Return the classes of a list, or of a text file with one a line."""
    if isinstance(classes, str):
        return read_classes(Path(classes))
    return None if classes is None else tuple(classes)


def is_no_class(label: str) -> bool:
    """Tell whether a label says that a region is of no class, such as void and LabelMe's __ignore__."""
    return _plain(label) in NO_CLASS


def _kept(label: str, contents: Contents) -> str | None:
    return None if is_no_class(label) and label not in (contents.chosen or ()) else label


def _background(name: str, names: Sequence[str]) -> str:
    """Return the class that is the background by another spelling, such as _background_, or else the name."""
    return next((each for each in names if _plain(each) == _plain(name)), name)


def _plain(name: str) -> str:
    return name.strip().strip("_").casefold()


def _colours(
    names: Sequence[str], targets: Mapping[str, str | None], known: Mapping[str, Colour]
) -> tuple[Colour, ...]:
    given = {target: known[label] for label, target in reversed(list(targets.items())) if target and label in known}
    return tuple(given.get(name, colour) for name, colour in zip(names, voc_palette(len(names)), strict=True))
