"""per_image.npz beside result.json: each image's confusion, from which statistics over images need no network."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.files import write_atomically
from fastfcn.reading import read_bytes

NAME = "per_image.npz"
FILE_BYTES = 50_000_000
ARRAY_BYTES = 100_000_000  # once unpacked; 2,000 images of 150 classes take 2 MB
IMAGES, CLASSES = 20_000, 256  # counts by image and class take 120 MB
ENTRIES = 100  # of the archive, which has five
KINDS = {"names": "<U", "lengths": "<u4", "target": "|u1", "prediction": "|u1", "count": "<u4"}
ENTRY = b"PK\x01\x02"  # what a zip file's list of contents begins each entry with
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(rb"\{'descr': '([<|]\w+)', 'fortran_order': False, 'shape': \((\d{1,9}),\), \} *\n")

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Counts:
    """Pixels by image and class, each (N, C): predicted rightly, of the truth, and of the prediction."""

    correct: NDArray[np.float64]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]


@dataclass(frozen=True)
class PerImage:
    """The images of a split in its order, and their confusions as triples of class, predicted class and pixels.

    `lengths` (N,) says how many of the triples, which stand in a row, are an image's; theirs rise by class.
    """

    names: tuple[str, ...]
    lengths: Integers
    target: Integers
    prediction: Integers
    count: Integers
    classes: int

    @classmethod
    def of(cls, names: Sequence[str], cells: Sequence[Integers], classes: int) -> "PerImage":
        """Join images' `cells` (2, K): the index of a cell of the confusion (C, C), rising, over its pixels."""
        joined = np.concatenate(cells, axis=1) if cells else np.zeros((2, 0), np.int64)
        return cls(
            tuple(names),
            np.array([each.shape[1] for each in cells], np.uint32),
            (joined[0] // classes).astype(np.uint8),
            (joined[0] % classes).astype(np.uint8),
            joined[1].astype(np.uint32),
            classes,
        )

    @property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion of all images (C, C), truth by prediction."""
        total = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(total, (self.target, self.prediction), self.count)
        return total

    def counts(self) -> Counts:
        """Sum up what IoU is made of."""
        images = np.repeat(np.arange(len(self.names)), self.lengths)
        right = self.target == self.prediction
        return Counts(
            self._by_class(images[right], self.target[right], self.count[right]),
            self._by_class(images, self.target, self.count),
            self._by_class(images, self.prediction, self.count),
        )

    def _by_class(self, images: Integers, index: Integers, count: Integers) -> NDArray[np.float64]:
        shape = len(self.names), self.classes
        summed = np.bincount(images * self.classes + index, count, minlength=shape[0] * shape[1])
        return summed.astype(np.float64).reshape(shape)


def write_per_image(path: Path, images: PerImage) -> None:
    """Write the images, whole or not at all."""
    names = np.array(images.names) if images.names else np.zeros(0, "<U1")
    arrays = {name: getattr(images, name) for name in KINDS if name != "names"}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=names, **arrays)
    write_atomically(path, buffer.getvalue())


def read_per_image(path: Path, classes: int) -> PerImage:
    """Read what `write_per_image` wrote for so many classes. Raises OSError, or ValueError, in one line, if damaged."""
    content = read_bytes(path, FILE_BYTES)
    try:
        arrays = _arrays(content)
        names = arrays.pop("names")
        if len(names) > IMAGES or classes > CLASSES:
            raise ValueError(f"more than {IMAGES:,} images or {CLASSES} classes")
        if names.view(np.uint32).max(initial=0) > 0x10FFFF:
            raise ValueError("names that are no text")
        images = PerImage(tuple(names.tolist()), **arrays, classes=classes)
        _require_sound(images)
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return images


def _arrays(content: bytes) -> dict[str, Any]:
    """Unpack the arrays, none of them before its size is known."""
    if content.count(ENTRY) > ENTRIES:
        raise ValueError("an archive of other things")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        if set(entries) != set(KINDS):
            raise ValueError(f"it holds other arrays than {', '.join(KINDS)}")
        for name, entry in entries.items():
            if entry.file_size > ARRAY_BYTES or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is larger than {ARRAY_BYTES / 1e6:g} MB, or packed in another way")
        return {name: _array(name, archive.read(entries[name])) for name in KINDS}


def _array(name: str, content: bytes) -> NDArray[Any]:
    """Take an array (N,) of the kind that `name` has; what its header says has to be what follows."""
    start = len(MAGIC) + 2
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    header = HEADER.fullmatch(content[start : start + length])
    if not content.startswith(MAGIC) or header is None:
        raise ValueError(f"{name} is no array of one dimension")
    kind, size = header[1].decode(), int(header[2])
    if kind != KINDS[name] and not (name == "names" and re.fullmatch(r"<U[1-9]\d{0,5}", kind)):
        raise ValueError(f"{name} holds {kind}, not {KINDS[name]}")
    if len(content) - start - length != size * np.dtype(kind).itemsize:
        raise ValueError(f"{name} is not as long as it says")
    return np.frombuffer(content, kind, offset=start + length)


def _require_sound(images: PerImage) -> None:
    """Raise ValueError if lengths, classes, order or pixels cannot be those of images."""
    triples = {len(images.target), len(images.prediction), len(images.count), int(images.lengths.sum(dtype=np.uint64))}
    if len(triples) > 1 or len(images.names) != len(images.lengths):
        raise ValueError("its arrays do not fit each other")
    place = np.repeat(np.arange(len(images.names)), images.lengths)
    keys = (place * 256 + images.target) * 256 + images.prediction
    if (np.diff(keys) <= 0).any():
        raise ValueError("a cell stands twice, or not in its place")
    if len(keys) and max(images.target.max(), images.prediction.max()) >= images.classes:
        raise ValueError(f"a class beyond the {images.classes} of its result")
    if (images.count == 0).any():
        raise ValueError("a cell without pixels")
