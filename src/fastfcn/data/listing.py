"""What lies in a folder of images: those that are read, and what is left out."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from fastfcn.data.images import SUFFIXES, is_image
from fastfcn.data.text import same_form

UNMENTIONED = ("thumbs.db", "desktop.ini")  # what Windows leaves in folders of pictures
SHOWN = 3  # files named in a message; the rest are counted


def describe_left_out(folder: Path, *, searched: bool = False) -> str | None:
    """Say what in `folder`, but for hidden files that are no images, `list_images` leaves out; None if nothing.

    Folders in it are left out as well, unless they are `searched` by themselves.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            reason = _why_left_out(entry)
            if reason is not None and not (searched and entry.is_dir()):
                kinds[reason].append(entry.name)
    if not kinds:
        return None
    count = sum(map(len, kinds.values()))
    named = "; ".join(f"{reason}: {shortened(names)}" for reason, names in kinds.items())
    where = "" if searched else " directly in it"
    return f"left out of {folder}: {count} ({named}); images are files with {', '.join(SUFFIXES)}{where}"


def _why_left_out(entry: os.DirEntry[str]) -> str | None:
    if entry.name.startswith("."):
        return "hidden" if entry.name.lower().endswith(SUFFIXES) else None
    if entry.is_dir():
        return "folders, which are not searched"
    if not entry.is_file():
        return "no files"
    known = is_image(entry.name) or entry.name.lower() in UNMENTIONED
    return None if known else f"{Path(entry.name).suffix or 'without suffix'}, which is not read"


def shortened(items: Sequence[object], shown: int = SHOWN) -> str:
    """Name the first items and count the others."""
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(map(str, items[:shown])) + more


def repeated(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return files whose names differ in suffix or Unicode form alone, each with the first of its name."""
    first: dict[str, Path] = {}
    found = []
    for path in paths:
        other = first.setdefault(same_form(path.stem), path)
        if other != path:
            found.append((path, other))
    return found


class Names:
    """The files of a folder, found by name whatever their Unicode form and the case of their suffix."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        self._exact = set(names)
        self._found = {_key(name): name for name in reversed(names)}

    def find(self, name: str) -> Path:
        """Return where the file `name` is, or would be."""
        return self.folder / (name if name in self._exact else self._found.get(_key(name), name))


def _key(name: str) -> str:
    stem, dot, suffix = same_form(name).rpartition(".")
    return stem + dot + suffix.lower()
