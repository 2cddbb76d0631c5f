"""Small archives of arrays of one dimension, beside result.json: whole when written, checked whole when read."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.files import write_atomically
from fastfcn.reading import read_bytes

FILE_BYTES = 50_000_000
ARRAY_BYTES = 100_000_000  # once unpacked; the cells of 2,000 images of 150 classes take 2 MB
IMAGES, CLASSES = 20_000, 256  # counts by image and class take 120 MB
ENTRIES = 100  # of the archive, which has a few
ENTRY = b"PK\x01\x02"  # what a zip file's list of contents begins each entry with
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(rb"\{'descr': '([<|]\w+)', 'fortran_order': False, 'shape': \((\d{1,9}),\), \} *\n")

Integers = NDArray[np.integer[Any]]


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def names_of(names: tuple[str, ...]) -> NDArray[Any]:
    """Make an array of text, also of none."""
    return np.array(names) if names else np.zeros(0, "<U1")


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with an archive into a ValueError of one line."""
    try:
        yield
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def read_arrays(content: bytes, kinds: Mapping[str, str], classes: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Unpack `names` and the other arrays of `kinds`, none of them before its size is known."""
    arrays = _arrays(content, kinds)
    names = arrays.pop("names")
    if len(names) > IMAGES or classes > CLASSES:
        raise ValueError(f"more than {IMAGES:,} images or {CLASSES} classes")
    if names.view(np.uint32).max(initial=0) > 0x10FFFF:
        raise ValueError("names that are no text")
    _require_fitting(names, arrays)
    return tuple(names.tolist()), arrays


def read_archive(path: Path) -> bytes:
    """Read a file's bytes. Raises OSError, or ValueError for one that is too large."""
    return read_bytes(path, FILE_BYTES)


def _arrays(content: bytes, kinds: Mapping[str, str]) -> dict[str, Any]:
    if content.count(ENTRY) > ENTRIES:
        raise ValueError("an archive of other things")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        if set(entries) != set(kinds):
            raise ValueError(f"it holds other arrays than {', '.join(kinds)}")
        for name, entry in entries.items():
            if entry.file_size > ARRAY_BYTES or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is larger than {ARRAY_BYTES / 1e6:g} MB, or packed in another way")
        return {name: _array(name, kind, archive.read(entries[name])) for name, kind in kinds.items()}


def _array(name: str, wanted: str, content: bytes) -> NDArray[Any]:
    """Take an array (N,) of the kind that is `wanted`; what its header says has to be what follows."""
    start = len(MAGIC) + 2
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    header = HEADER.fullmatch(content[start : start + length])
    if not content.startswith(MAGIC) or header is None:
        raise ValueError(f"{name} is no array of one dimension")
    kind, size = header[1].decode(), int(header[2])
    if kind != wanted and not (name == "names" and re.fullmatch(r"<U[1-9]\d{0,5}", kind)):
        raise ValueError(f"{name} holds {kind}, not {wanted}")
    if len(content) - start - length != size * np.dtype(kind).itemsize:
        raise ValueError(f"{name} is not as long as it says")
    return np.frombuffer(content, kind, offset=start + length)


def _require_fitting(names: NDArray[Any], arrays: Mapping[str, Integers]) -> None:
    lengths = arrays["lengths"]
    entries = {len(array) for name, array in arrays.items() if name != "lengths"}
    if len(names) != len(lengths) or entries != {int(lengths.sum(dtype=np.uint64))}:
        raise ValueError("its arrays do not fit each other")
