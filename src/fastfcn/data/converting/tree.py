"""The files of an export, found by the names that annotations give; no such name is ever used as a path."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from fastfcn.data.images import is_image
from fastfcn.data.listing import shortened
from fastfcn.data.text import same_form

SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
ANNOTATION_FOLDERS = ("annotations", "labels", "annotation")  # beside which the images lie


def split_of(*words: str) -> str | None:
    """Return the split that one of these words is, such as valid or train2017; None if none is."""
    plain = [re.sub(r"\d+$", "", word).lower() for word in words]
    return next((SPLITS[word] for word in plain if word in SPLITS), None)


def split_of_name(name: str) -> str | None:
    """Return the split that a file's name holds as a word, such as instances_train2017.json."""
    return split_of(*reversed(re.split(r"[^A-Za-z0-9]+", name)))


class Tree:
    """The files below a folder, but for hidden ones, in order. Links are followed once."""

    def __init__(self, root: Path, *, without: Path | None = None) -> None:
        self.root = root
        self.files = sorted(_walk(root, without))
        self.images = [path for path in self.files if is_image(path.name)]
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.images:
            self._by_name[_key(path.name)].append(path)
            self._by_stem[same_form(path.stem)].append(path)

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """Return the files of a kind."""
        return [path for path in self.files if path.suffix.lower() in suffixes]

    def name_of(self, path: Path) -> str:
        """Return a file's path in this tree."""
        return path.relative_to(self.root).as_posix()

    def split_of(self, path: Path) -> str | None:
        """Return the split that a folder above a file names."""
        folders = path.relative_to(self.root).parts[:-1]
        return split_of(*folders) or next(filter(None, map(split_of_name, folders)), None)

    def holds(self, name: str) -> bool:
        """Tell whether there is an image that an annotation may call `name`."""
        return bool(self._named(_parts(name)))

    def image(self, name: str, *, near: Path) -> Path:
        """Find the image that an annotation at `near` calls `name`: a path of any system, on any machine.

        Among several of that name the one that shares most of the path is taken, then one in the annotation's folder,
        then one of its split. Raises ValueError if there is none or no telling which.
        """
        parts = _parts(name)
        named = self._named(parts)
        if not named:
            raise ValueError(f"image {name[:200]!r} is not in {self.root}; put it there, or give images=FOLDER")
        split = self.split_of(near) if near.is_relative_to(self.root) else None
        split = split or split_of_name(near.stem)
        ranked = sorted((_agreement(path, parts, near, split == self.split_of(path)), path) for path in named)
        best = [path for rank, path in ranked if rank == ranked[-1][0]]
        if len(best) > 1:
            raise ValueError(
                f"image {name[:200]!r} may be {shortened(list(map(self.name_of, best)))}; keep one of them"
            )
        return best[0]

    def _named(self, parts: list[str]) -> list[Path]:
        last = parts[-1] if parts else ""
        return self._by_name.get(_key(last)) or ([] if is_image(last) else self._by_stem.get(same_form(last), []))


def image_tree(source: Path, images: str | None, *, without: Path) -> Tree:
    """Return the tree in which images are looked for: `images`, or else where the annotations are, or beside them."""
    if images is not None:
        folder = Path(images) if Path(images).is_dir() else source / images
        if not folder.is_dir():
            raise ValueError(f"images={images} is no folder")
        return Tree(folder, without=without)
    folder = source if source.is_dir() else source.parent
    tree = Tree(folder, without=without)
    if not tree.images and folder.name.lower() in ANNOTATION_FOLDERS:
        return Tree(folder.parent, without=without)
    return tree


def _parts(name: str) -> list[str]:
    return [unquote(part) for part in re.split(r"[/\\]|\?d=", name) if part not in ("", ".", "..")]


def _agreement(path: Path, parts: list[str], near: Path, same_split: bool) -> tuple[int, bool, bool]:
    shared = 0
    for one, other in zip(reversed(path.parts), reversed(parts), strict=False):
        if same_form(one).lower() != same_form(other).lower():
            break
        shared += 1
    return shared, path.parent == near.parent, same_split


def _key(name: str) -> str:
    stem, dot, suffix = same_form(name).rpartition(".")
    return stem + dot + suffix.lower()


def _walk(root: Path, without: Path | None) -> Iterator[Path]:
    seen: set[str] = set()
    left_out = None if without is None else os.path.realpath(without)
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or real == left_out:
            inner.clear()
            continue
        seen.add(real)
        inner[:] = [name for name in inner if not name.startswith(".") and name != "__MACOSX"]
        yield from (Path(folder, name) for name in files if not name.startswith("."))
