"""Which images predict.py reads, and where it may write."""

from pathlib import Path

from fastfcn.data.images import SUFFIXES, list_images
from fastfcn.data.listing import describe_left_out, repeated

TAKES = "images= takes one image or a folder of images"
LISTS = (".txt", ".csv", ".tsv", ".lst", ".json", ".jsonl", ".yaml", ".yml")
VIDEOS = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts")


def find_images(source: Path) -> list[Path]:
    """Return the image at `source`, or all in that folder.

    Raises FileNotFoundError if there are none, ValueError for what is no image or if two would be written under one
    name.
    """
    if source.is_file():
        _require_image(source)
        return [source]
    if not source.is_dir():
        raise FileNotFoundError(_explain_missing(source))
    paths = list_images(source)
    if not paths:
        raise FileNotFoundError(_explain_empty(source))
    for path, other in repeated(paths):
        raise ValueError(f"{other.name} and {path.name} would both become {path.stem}.png; rename one")
    return paths


def require_apart(source: Path, output: Path) -> None:
    """Raise ValueError if writing to `output` could change what is read: neither folder may lie in the other.

    A single image may lie in the output's folder, but not where predictions go.
    """
    source, output = source.resolve(), output.resolve()
    if source.is_file():
        clash = source == output / "legend.png" or source.parent in (output / "masks", output / "overlays")
    else:
        clash = source.is_relative_to(output) or output.is_relative_to(source)
    if clash:
        raise ValueError(
            f"output={output} and images={source} lie in one another, so that predictions would mix with what is read; "
            "give output= a folder of its own"
        )


def _require_image(source: Path) -> None:
    suffix = source.suffix.lower()
    if suffix in LISTS:
        raise ValueError(f"images={source} is a list or table, not an image; {TAKES}: put or link them into one folder")
    if suffix in VIDEOS:
        raise ValueError(
            f"images={source} is a video; {TAKES}: make frames of it first, for instance with "
            f"ffmpeg -i {source.name} frames/%05d.png"
        )


def _explain_missing(source: Path) -> str:
    text = str(source)
    if text.startswith(("http:/", "https:/")):  # a Path keeps one slash of two
        return f"images={text.replace(':/', '://', 1)} is an address; {TAKES} on this machine: download it first"
    if text.startswith("["):
        return f"images={source} is a list; {TAKES}: put or link them into one folder"
    if any(sign in text for sign in "*?["):
        return f"images={source} is a pattern, and no file of that name is here; {TAKES}: give images={source.parent}"
    nearest = next(parent for parent in (*source.absolute().parents,) if parent.exists())
    return f"images={source} is not here ({nearest} is); {TAKES} ({', '.join(SUFFIXES)})"


def _explain_empty(source: Path) -> str:
    inside = sorted(path for path in source.iterdir() if path.is_dir() and list_images(path))
    hint = f"; its folder {inside[0].name} does: give images={inside[0]}" if inside else ""
    left_out = describe_left_out(source)
    return f"images={source} holds no images ({', '.join(SUFFIXES)}){hint}{f'; {left_out}' if left_out else ''}"
