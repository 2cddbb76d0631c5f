"""Lists of what to predict: in text files, in YAML, on the standard input."""

import os
import sys
from pathlib import Path

import yaml

from fastfcn.data.text import read_lines

STDIN = "-"
PLAIN, STRUCTURED = (".txt", ".lst"), (".yaml", ".yml", ".json")
TABLES = (".csv", ".tsv", ".jsonl")


def read_list(images: str) -> list[str] | None:
    """Return what a list names: `-`, `[a,b]`, or a file of one path a line or of YAML; None if `images` is no list.

    Paths in a file are those of the current folder, or else of the file's own. Raises ValueError, naming the list, for
    one that is none or empty.
    """
    path = Path(images)
    if images == STDIN:
        return _required(_entries(os.fsdecode(sys.stdin.buffer.read())), "the standard input")
    if images.startswith("[") and images.endswith("]") and not path.exists():
        return _required(_sequence(images, "images="), "images=")
    suffix = path.suffix.lower()
    if suffix in PLAIN + STRUCTURED and path.is_file():
        lines = _sequence("\n".join(read_lines(path)), images) if suffix in STRUCTURED else read_lines(path)
        return [_placed(entry, path.parent) for entry in _required([line for line in lines if line], images)]
    return None


def _entries(text: str) -> list[str]:
    """Split into paths: at zero bytes where there are any (`find -print0`), else at the ends of lines."""
    entries = text.split("\0") if "\0" in text else text.splitlines()
    return [entry for entry in entries if entry]


def _sequence(text: str, source: str) -> list[str]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{source} is no list that YAML can read ({reason}); quote names that hold signs") from error
    if not isinstance(content, list):
        raise ValueError(
            f"{source} holds no list but {type(content).__name__}; write [a.jpg, b.jpg], or - a.jpg a line"
        )
    for entry in content:
        if not isinstance(entry, str | int):
            raise ValueError(f"{source} lists {type(entry).__name__} where a path is expected; quote it")
    return list(map(str, content))


def _required(entries: list[str], source: str) -> list[str]:
    if not entries:
        raise ValueError(f"{source} lists nothing to predict")
    return entries


def _placed(entry: str, folder: Path) -> str:
    path = Path(entry).expanduser()
    return str(path) if os.path.lexists(path) or not os.path.lexists(folder / path) else str(folder / path)
