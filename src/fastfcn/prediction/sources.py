"""What is predicted, and the names that the predictions get."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fastfcn.data.images import is_image
from fastfcn.data.text import same_form

VIDEOS = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts")


@dataclass(frozen=True)
class Source:
    """An image or a video at `path`, or a camera; `name`, such as `a` or `sub/a`, is that of its predictions."""

    path: Path
    name: str
    camera: int | None = None

    @property
    def moving(self) -> bool:
        """Tell whether it has frames."""
        return self.camera is not None or is_video(self.path.name)

    def __str__(self) -> str:
        text = f"camera:{self.camera}" if self.camera is not None else str(self.path)
        return printable(text)


def is_video(name: str) -> bool:
    """Tell whether the file of that name is read as a video."""
    return name.lower().endswith(VIDEOS) and not name.startswith(".")


def printable(text: str) -> str:
    """Escape what would break a line, or act on a terminal; a file's name may hold anything."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def walk(folder: Path) -> Iterable[Path]:
    """Yield a folder and those below it, by name, hidden ones apart; each once, whatever links there are."""
    seen: set[str] = set()
    for place, folders, _ in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real not in seen:
            seen.add(real)
            yield Path(place)


def named(paths: Iterable[Path], base: Path) -> list[Source]:
    """Name each file by its place below the folder `base`. Raises ValueError if two would get one name."""
    start = _absolute(base)
    first: dict[str, Source] = {}
    for place, path in {_absolute(path): path for path in paths}.items():
        source = Source(path, place.relative_to(start).with_suffix("").as_posix())
        other = first.setdefault(same_form(source.name), source)
        if other != source:
            names = (printable(str(_absolute(each.path).relative_to(start))) for each in (other, source))
            raise ValueError(f"{' and '.join(names)} would both become {printable(other.name)}.png; rename one")
    films = {name for name, source in first.items() if source.moving}
    for name, source in first.items():
        if inside := next((str(each) for each in Path(name).parents if str(each) in films), None):
            raise ValueError(f"{source} and a video would both be predicted into {printable(inside)}/; rename one")
    return list(first.values())


def common_folder(paths: Iterable[Path]) -> Path:
    """Return the deepest folder that holds all the files."""
    return Path(os.path.commonpath([_absolute(path.parent) for path in paths]))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def is_wanted(path: Path) -> bool:
    """Tell whether a file that a pattern found is one to predict."""
    return (is_image(path.name) or is_video(path.name)) and path.is_file()
