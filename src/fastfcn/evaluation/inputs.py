"""Which images predict.py reads, and where it may write."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from fastfcn.data.images import SUFFIXES, list_images
from fastfcn.data.listing import describe_left_out, shortened
from fastfcn.prediction.lists import TABLES, read_list
from fastfcn.prediction.sources import Source, common_folder, is_wanted, named, printable, walk

TAKES = (
    "images= takes one image or a folder of images, a video, a pattern such as 'a/**/*.jpg', a list of these ([a,b], "
    "FILE.txt, FILE.yaml, - for the standard input), or the number of a camera"
)
OWN_FOLDERS = ("masks", "overlays", "confidence", "entropy", "probabilities")


def find_images(images: str | Path | Sequence[str]) -> list[Source]:
    """Return what `images` names, each with the name of its predictions.

    Raises FileNotFoundError if there is nothing, ValueError for what is no image or if two would be written under one
    name.
    """
    entries = list(images) if not isinstance(images, str | Path) else read_list(str(images))
    if entries is not None:
        paths = [path for entry in entries for path in _in_list(entry)]
        return named(paths, common_folder(paths))
    text = str(images)
    if (camera := re.fullmatch(r"(?:camera:)?([0-9]{1,3})", text)) and not Path(text).exists():
        return [Source(Path(text), f"camera{int(camera[1])}", int(camera[1]))]
    return named(*_expanded(text))


def _in_list(entry: str) -> list[Path]:
    """Return what an entry of a list names; one that is not here is told when it is to be read, like one damaged."""
    if not os.path.lexists(entry) and not glob.has_magic(entry):
        return [Path(entry)]
    return _expanded(entry)[0]


def _expanded(text: str) -> tuple[list[Path], Path]:
    """Return the files that one path or pattern names, and the folder below which they are named."""
    path = Path(text)
    if path.is_file():
        _require_readable(path)
        return [path], path.parent
    if path.is_dir():
        paths = [image for folder in walk(path) for image in list_images(folder)]
        if not paths:
            raise FileNotFoundError(_explain_empty(path))
        return paths, path
    if not glob.has_magic(text):
        raise FileNotFoundError(_explain_missing(path))
    paths = [each for each in map(Path, sorted(glob.glob(text, recursive=True))) if is_wanted(each)]  # noqa: PTH207
    if not paths:
        raise FileNotFoundError(f"images={printable(text)} is a pattern, and no file of that name is here; {TAKES}")
    fixed = text[: re.search(r"[*?\[]", text).start()]  # type: ignore[union-attr]  # it has magic
    return paths, Path(os.path.dirname(fixed))  # noqa: PTH120  # of `a/b*`: a


def describe_unread(sources: str | Path | Sequence[str]) -> list[str]:
    """Say, a line a folder, what in the folder `sources` and below it is not read."""
    if not isinstance(sources, str | Path) or not Path(sources).is_dir():
        return []
    told = (describe_left_out(folder, searched=True) for folder in walk(Path(sources)))
    return [printable(line) for line in told if line is not None]


def require_apart(source: Path, output: Path) -> None:
    """Raise ValueError if writing to `output` could change what is read: neither folder may lie in the other.

    A single image may lie in the output's folder, but not where predictions go.
    """
    source, output = source.resolve(), output.resolve()
    if source.is_dir():
        clash = source.is_relative_to(output) or output.is_relative_to(source)
    else:
        clash = source == output / "legend.png" or any(source.is_relative_to(output / name) for name in OWN_FOLDERS)
    if clash:
        raise ValueError(
            f"output={output} and images={source} lie in one another, so that predictions would mix with what is read; "
            "give output= a folder of its own"
        )


def _require_readable(source: Path) -> None:
    if source.suffix.lower() in TABLES:
        raise ValueError(f"images={source} is a table, not an image; {TAKES}")


def _explain_missing(source: Path) -> str:
    text = printable(str(source))
    if text.startswith(("http:/", "https:/")):  # a Path keeps one slash of two
        return f"images={text.replace(':/', '://', 1)} is an address; images= is on this machine: download it first"
    nearest = next(parent for parent in (*source.absolute().parents,) if parent.exists())
    return f"images={text} is not here ({nearest} is); {TAKES}"


def _explain_empty(source: Path) -> str:
    told = describe_unread(source)
    return f"images={source} holds no images ({', '.join(SUFFIXES)}){f'; {shortened(told)}' if told else ''}"
