"""Label maps in MATLAB files of others (level 5), read here: scipy's reader ends the process on some damaged files.

A file is a header and elements; an element is a kind, a size and content, padded to 8 bytes. One may hold another
compressed. A matrix is an element of elements: flags, dimensions, name, then numbers, or a structure's fields.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 64 << 20  # of a file, and of what is compressed in it; a label map has some 100 KB
MAX_LABEL = 65_535
MAGIC, HEADER, TAG = b"MATLAB 5.0", 128, 8  # the first bytes, and how many there are
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
STRUCTURE, NUMERIC = 2, range(6, 16)  # classes of matrices
COMPLEX = 0x800


class _DamagedError(ValueError):
    """A file that is no MATLAB file of level 5, or not whole."""


class _Element(NamedTuple):
    kind: int
    content: memoryview


class _Matrix(NamedTuple):
    """`rest` holds the elements that follow the name."""

    name: str
    flags: int
    dimensions: tuple[int, ...]
    rest: list[_Element]


def read_label_map(path: Path, *fields: str) -> NDArray[np.int64]:
    """Read labels (H, W), not negative, from a variable of a .mat file or a field in it.

    Raises ValueError naming the file if it is damaged, has no such variable, or holds something else.
    """
    try:
        order, elements = _open(path)
        found = _find(elements, fields[0], order)
        for field in fields[1:]:
            found = None if found is None else _field(found, field, order)
        if found is None:
            raise ValueError(f"{path} holds no {'.'.join(fields)}")
        labels = _numbers(found, order)
    except (_DamagedError, struct.error, zlib.error, OSError) as error:
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
    if labels is None or labels.ndim != 2 or not labels.size or not _are_labels(labels):
        raise ValueError(f"{path} holds no label map in {'.'.join(fields)}")
    return labels.astype(np.int64)


def _open(path: Path) -> tuple[str, Iterator[_Element]]:
    """Return the byte order and the elements of a file."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise _DamagedError(f"it is no file of at most {MAX_BYTES >> 20} MiB")
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER])
    if not content.startswith(MAGIC) or order is None:
        raise _DamagedError(f"it does not begin with {MAGIC.decode()}")
    return order, _unpacked(_elements(memoryview(content)[HEADER:], order), order)


def _elements(content: memoryview, order: str) -> Iterator[_Element]:
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        begin = place + TAG
        if kind >> 16:  # a small element has its size beside its kind, and its content within the tag
            kind, size, begin = kind & 0xFFFF, kind >> 16, place + TAG // 2
        if begin + size > len(content):
            raise _DamagedError("it ends too early")
        yield _Element(kind, content[begin : begin + size])
        place = begin + size if kind == COMPRESSED else begin + size + -(begin + size) % 8


def _unpacked(elements: Iterator[_Element], order: str) -> Iterator[_Element]:
    left = MAX_BYTES
    for element in elements:
        if element.kind != COMPRESSED:
            yield element
            continue
        content = zlib.decompressobj().decompress(element.content, left + 1)
        left -= len(content)
        if left < 0:
            raise _DamagedError(f"it holds more than {MAX_BYTES >> 20} MiB")
        yield from _elements(memoryview(content), order)


def _find(elements: Iterator[_Element], name: str, order: str) -> _Matrix | None:
    matrices = (_matrix(element, order) for element in elements if element.kind == MATRIX)
    return next((matrix for matrix in matrices if matrix.name == name), None)


def _matrix(element: _Element, order: str) -> _Matrix:
    """Read the head of a matrix."""
    parts = list(_elements(element.content, order))
    if element.kind != MATRIX or len(parts) < 3 or len(parts[0].content) < 4:
        raise _DamagedError("it has a matrix without head")
    flags, dimensions, name = parts[:3]
    return _Matrix(
        bytes(name.content).decode("latin-1"),
        struct.unpack_from(f"{order}I", flags.content)[0],
        tuple(int(side) for side in _values(dimensions, order)),
        parts[3:],
    )


def _values(element: _Element, order: str) -> NDArray[Any]:
    if element.kind not in NUMBERS or len(element.content) % np.dtype(NUMBERS[element.kind]).itemsize:
        raise _DamagedError("it has numbers of no known kind")
    return np.frombuffer(element.content, order + NUMBERS[element.kind])


def _field(matrix: _Matrix, name: str, order: str) -> _Matrix | None:
    """Return a field of a structure that stands alone."""
    if matrix.flags & 0xFF != STRUCTURE or any(side != 1 for side in matrix.dimensions) or len(matrix.rest) < 2:
        return None
    length, names = int(_values(matrix.rest[0], order).sum()), bytes(matrix.rest[1].content)
    if not 0 < length <= len(names):
        raise _DamagedError("it has a structure without names")
    known = [names[place : place + length].rstrip(b"\0") for place in range(0, len(names), length)]
    fields = dict(zip(known, islice(matrix.rest, 2, None), strict=False))
    element = fields.get(name.encode())
    return None if element is None else _matrix(element, order)


def _numbers(matrix: _Matrix, order: str) -> NDArray[Any] | None:
    """Return a matrix of real numbers; None if it is of something else."""
    if matrix.flags & 0xFF not in NUMERIC or matrix.flags & COMPLEX or not matrix.rest:
        return None
    values = _values(matrix.rest[0], order)
    if any(side < 0 for side in matrix.dimensions) or int(np.prod(matrix.dimensions, dtype=object)) != len(values):
        raise _DamagedError("it has a matrix of another size than its numbers")
    return values.reshape(matrix.dimensions, order="F")


def _are_labels(values: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(((values >= 0) & (values <= MAX_LABEL) & (values == np.floor(values))).all())
