"""What was predicted into a folder, and how, so that a killed prediction goes on and nothing else is mixed in."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from fastfcn.files import write_atomically
from fastfcn.options import Count, holds, within
from fastfcn.prediction.outputs import Outputs
from fastfcn.prediction.sources import Source

NAME = "predictions.jsonl"
FORMAT = "fastfcn-predictions-1"
MOST_FRAMES = 10**7


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and not {"", ".", ".."} & set(name.split("/")) and "\0" not in name


PlainName = Annotated[Any, holds("a path below the folder", _is_plain)]  # pydantic's str has no bytes outside UTF-8


@with_config(ConfigDict(extra="forbid", strict=True))
class Head(TypedDict):
    """The first line: what all predictions of a folder have in common."""

    format: str
    settings: dict[str, Any]


@with_config(ConfigDict(extra="forbid", strict=True))
class Entry(TypedDict):
    """A line for each image whose files are all written: which it was, and the pixels of every class and of none.

    `frames` are those of a video; null for an image. The mask of a `raster` is a TIFF.
    """

    name: PlainName
    bytes: Count
    modified: int
    frames: Annotated[int, within(0, MOST_FRAMES)] | None
    pixels: list[Count]
    raster: NotRequired[bool]


HEAD, ENTRY = TypeAdapter(Head), TypeAdapter(Entry)


def digest(path: str | Path) -> str:
    """Return the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class Journal:
    """The lines of a folder's predictions; a line is added once its image's files are in place."""

    path: Path
    settings: Mapping[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any]) -> "Journal":
        """Begin, or go on with the journal of a folder.

        Raises ValueError if the folder's predictions were made by other `settings`, naming the first that differs.
        """
        path = folder / NAME
        settings = json.loads(json.dumps(settings))
        if not path.exists():
            write_atomically(path, _line({"format": FORMAT, "settings": settings}))
            return cls(path, settings)
        before, entries = read(path)
        _cut_torn_line(path)
        for key in sorted({*before, *settings}):
            if before.get(key) != settings.get(key):
                raise ValueError(
                    f"{folder} holds predictions with another {key} ({_shown(before.get(key))}, now "
                    f"{_shown(settings.get(key))}); give another output=, or overwrite=true to replace them all"
                )
        return cls(path, settings, entries)

    @classmethod
    def append_to(cls, folder: Path, settings: Mapping[str, Any]) -> "Journal":
        """Add to a journal that another process has opened."""
        return cls(folder / NAME, settings)

    def holds(self, source: Source, outputs: Outputs) -> bool:
        """Tell whether an image was predicted as it is now, and all its files are there."""
        entry = self.entries.get(source.name)
        if entry is None or (entry["bytes"], entry["modified"]) != identity(source):
            return False
        return all(path.is_file() for path in written(entry, outputs))

    def add(self, source: Source, pixels: Iterable[int], frames: int | None = None, *, raster: bool = False) -> None:
        """Note that all files of an image, or of a video of so many frames, are written."""
        size, modified = identity(source)
        entry: Entry = {
            "name": source.name, "bytes": size, "modified": modified, "frames": frames,
            "pixels": list(map(int, pixels)),
        }  # fmt: skip
        if raster:
            entry["raster"] = True
        self.entries[source.name] = entry
        with self.path.open("ab") as file:  # processes may add at a time: one write each
            file.write(_line(entry))


def written(entry: Entry, outputs: Outputs) -> list[Path]:
    """Return the files of an entry."""
    frames = entry["frames"]
    raster = entry.get("raster", False)
    return outputs.files(entry["name"], raster=raster) if frames is None else outputs.film_files(entry["name"], frames)


def discard(folder: Path, outputs: Outputs) -> None:
    """Remove a journal and the files it names, of which `outputs` says the places. Raises ValueError if it is damaged.

    The journal goes first: what a kill leaves is then nobody's, and is written over.
    """
    path = folder / NAME
    if path.exists():
        _, entries = read(path)
        path.unlink()
        for entry in entries.values():
            for file in written(entry, outputs):
                file.unlink(missing_ok=True)


def identity(source: Source) -> tuple[int, int]:
    """Return what tells a file from the same one changed: its size, and when it was written, in nanoseconds."""
    if source.camera is not None:
        return 0, 0
    status = source.path.stat()
    return status.st_size, status.st_mtime_ns


def read(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Read a journal; a last line without an end was cut off by a kill. Raises ValueError for what is none."""
    with path.open("rb") as file:
        try:
            head = HEAD.validate_python(json.loads(file.readline()))
            if head["format"] != FORMAT:
                raise ValueError(f"its format is {head['format'][:40]!r}")
            return head["settings"], {entry["name"]: entry for entry in _entries(file)}
        except (ValueError, RecursionError) as error:  # of JSON, and of pydantic
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise ValueError(
                f"{path} is no list of predictions that this version wrote ({reason}); give another output="
            ) from error


def _entries(file: IO[bytes]) -> Iterable[Entry]:
    for line in file:
        if line.endswith(b"\n"):
            yield ENTRY.validate_python(json.loads(line))


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        write_atomically(path, content[: content.rindex(b"\n") + 1])


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
