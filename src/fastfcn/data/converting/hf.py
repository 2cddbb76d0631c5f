"""A Hugging Face dataset on disk: the rows of Parquet or Arrow files, unpacked, then read as images and masks."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastfcn.data.converting.bitmaps import MARKS
from fastfcn.data.converting.contents import Contents
from fastfcn.data.converting.json_files import read_json
from fastfcn.data.converting.layout import STAGING
from fastfcn.data.converting.masks import Masks
from fastfcn.data.converting.tree import Tree, split_of_name
from fastfcn.data.listing import shortened
from fastfcn.data.palette import Colour
from fastfcn.files import write_atomically
from fastfcn.optional import require
from fastfcn.options import Byte, MaskValue, Name, within

IMAGE_COLUMNS = ("image", "pixel_values", "img")
MASK_COLUMNS = (
    "annotation", "label", "labels", "mask", "segmentation", "segmentation_mask", "semantic_segmentation", "annotated",
    "label_map",
)  # fmt: skip
NAMES = "id2label.json"
ROWS = 16  # read together
UNPACKED = "hf"  # in STAGING
FEATURES = b"huggingface"  # the key of a schema's metadata


@dataclass(frozen=True)
class Columns:
    """Where images and masks are in a table."""

    image: str
    mask: str


class HuggingFace(Masks):
    """Reads the tables of a folder, whose splits are told by their names; nothing of the dataset is run.

    Columns are `image` and `annotation`, by default those of the usual names. Values are named by `classes`, or by
    id2label.json, or the names in the table's own description; the rest is as of masks.
    """

    def __init__(
        self,
        *,
        image: Name | None = None,
        annotation: Name | None = None,
        classes: dict[MaskValue, Name | None] | list[Name] | Name | None = None,
        labels_from: MaskValue = 0,
        instances: Annotated[int, within(2)] | None = None,
        palette: dict[str, Colour] | Name | None = None,
        tolerance: Byte = 0,
        unknown: Literal["fault", "ignored"] = "fault",
    ) -> None:
        super().__init__(
            classes=classes,
            labels_from=labels_from,
            instances=instances,
            palette=palette,
            tolerance=tolerance,
            unknown=unknown,
        )
        self.image, self.annotation = image, annotation

    def read(self, source: Path, *, without: Path) -> Contents:
        """Unpack the rows, and read what they are."""
        tree = Tree(source if source.is_dir() else source.parent, without=without)
        tables = [source] if source.is_file() else tree.with_suffix(".parquet", ".arrow")
        if not tables:
            raise ValueError(f"{source} has no .parquet or .arrow file; give the folder of a Hugging Face dataset")
        folder = without / STAGING / UNPACKED
        for path in tables:
            self._unpack(path, tree, folder)
        contents = super().read(folder, without=without)
        scripts = tree.with_suffix(".py")
        if scripts:
            contents.notes.append(f"programs of the dataset are not run: {shortened(list(map(tree.name_of, scripts)))}")
        return contents

    def _unpack(self, path: Path, tree: Tree, folder: Path) -> None:
        arrow = require("pyarrow", extra="hf", what="from=hf")
        require("pyarrow.parquet", extra="hf", what="from=hf")
        try:
            schema, batches = _opened(arrow, path)
            columns = self._columns(schema.names)
            self._name(tree, schema.metadata or {}, columns)
            split = tree.split_of(path) or split_of_name(path.stem) or "train"
            for number, row in enumerate(_rows(batches, columns)):
                place = f"{path.stem}_{number:06d}"
                for kind, cell in zip(("images", "masks"), row, strict=True):
                    content = _content(cell, tree, path)
                    target = folder / split / kind / f"{place}{_suffix(content, f'{path}: row {number}: {kind}')}"
                    _write(target, content, path)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # pyarrow's are of a dozen types
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(reason if str(path) in reason else f"{path}: {reason[:300]}") from error

    def _columns(self, names: list[str]) -> Columns:
        found = []
        for option, given, usual in (
            ("image", self.image, IMAGE_COLUMNS),
            ("annotation", self.annotation, MASK_COLUMNS),
        ):
            chosen = [given] if given is not None else [name for name in usual if name in names]
            if not chosen or chosen[0] not in names:
                raise ValueError(f"no column of {option}s: there are {shortened(names, 10)}; give {option}=COLUMN")
            found.append(chosen[0])
        return Columns(*found)

    def _name(self, tree: Tree, metadata: Mapping[bytes, bytes], columns: Columns) -> None:
        """Name the values of the masks, unless that is done."""
        if self.classes is not None or self.palette is not None:
            return
        path = next((path for path in tree.files if path.name == NAMES), None)
        if path is not None:
            names = read_json(path, dict[int, str], "map of numbers to names")
            self.classes = dict(sorted(names.items()))
            return
        described = json.loads(metadata.get(FEATURES, b"{}")).get("info", {}).get("features", {}).get(columns.mask, {})
        listed = _names(described)
        if listed:
            self.classes = listed


def _names(feature: Any) -> list[str] | None:
    """Find the names of a feature of classes, here or below."""
    if isinstance(feature, dict):
        names = feature.get("names")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
        return next(filter(None, map(_names, feature.values())), None)
    return None


def _opened(arrow: Any, path: Path) -> tuple[Any, Iterator[Any]]:
    """Return a table's schema and its rows, some at a time."""
    if path.suffix.lower() == ".parquet":
        table = arrow.parquet.ParquetFile(path)
        return table.schema_arrow, table.iter_batches(ROWS)
    reader = arrow.ipc.open_stream(arrow.memory_map(str(path)))
    return reader.schema, iter(reader)


def _rows(batches: Iterator[Any], columns: Columns) -> Iterator[tuple[Any, Any]]:
    for batch in batches:
        yield from zip(batch.column(columns.image).to_pylist(), batch.column(columns.mask).to_pylist(), strict=True)


def _content(cell: Any, tree: Tree, path: Path) -> bytes:
    """Return the file in a cell, or the one that it names."""
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(content, bytes):
        return content
    name = cell.get("path") if isinstance(cell, dict) else None
    return tree.image(name, near=path).read_bytes() if isinstance(name, str) else b""


def _suffix(content: bytes, place: str) -> str:
    for mark, suffix in MARKS.items():
        if content.startswith(mark):
            return suffix
    raise ValueError(f"{place} hold no picture of a known kind")


def _write(target: Path, content: bytes, table: Path) -> None:
    """Write a file as old as its table, so that it is known again."""
    state = table.stat()
    if not (target.is_file() and target.stat().st_mtime_ns == state.st_mtime_ns):
        write_atomically(target, content)
        os.utime(target, ns=(state.st_mtime_ns, state.st_mtime_ns))
