"""Decoded examples kept from one epoch to the next, for all workers and processes: in a folder, or in memory."""

import contextlib
import hashlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastfcn.data.dataset import Example, SegmentationData, Split
from fastfcn.data.shared_memory import MEMORY, memory_available, memory_folder
from fastfcn.files import write_atomically

FORMAT = 2  # of the files, and of what decoding does to an image or a mask: another number reads everything anew
HEAD = 32  # bytes of a file before the pixels: four numbers
TYPES = {1: np.uint8, 4: np.float32}  # of pixels, by their bytes
PROBED = 8  # examples that tell how much room the others need
GIB = 2**30

log = logging.getLogger(__name__)


def open_cache(cache: str, data: SegmentationData, options: Mapping[str, Any]) -> Path:
    """Return the folder for decoded examples of `data`: in shared memory if `cache` is "ram", else below `cache`.

    `options` are those that `data` was built with. Raises ValueError if training and validation split would not fit, or
    have no files.
    """
    splits = [data.split(name) for name in (data.train_split, data.val_split)]
    if not splits[0].files(0):
        raise ValueError(f"recipe.cache={cache} is for datasets of files, and data={data.name} has none: leave it out")
    content = _digest(FORMAT, sorted(options.items()))
    folder = memory_folder(content) if cache == MEMORY else Path(cache).expanduser() / content
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(_bytes_needed(split) for split in splits)
    held = _bytes_held(folder)
    free = shutil.disk_usage(folder).free
    if cache == MEMORY:
        free = min(free, memory_available())
    if needed - held > free:
        raise ValueError(
            f"recipe.cache={cache} needs about {needed / GIB:.2f} GiB for the images and masks of data={data.name}, "
            f"but {folder} has {(held + free) / GIB:.2f} GiB; give a folder on a larger disk, or leave it out"
        )
    log.info("decoded examples are kept in %s, %.2f GiB of about %.2f so far", folder, held / GIB, needed / GIB)
    return folder


class CachedSplit(Split):
    """`split`, each example of which is decoded by whoever asks first, and then read from `folder`.

    An example whose files have changed since is decoded anew.
    """

    def __init__(self, split: Split, folder: Path) -> None:
        self.split = split
        self.folder = folder
        self._writable = True

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.split)

    def __getitem__(self, index: int) -> Example:
        """Read one example."""
        path = self._path(index)
        example = read_example(path)
        if example is None:
            example = self.split[index]
            self._keep(path, example)
        return example

    def files(self, index: int) -> tuple[Path, ...]:
        """Return the files that an example is decoded from."""
        return self.split.files(index)

    def _path(self, index: int) -> Path:
        files = self.split.files(index)
        state = [(str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        name = _digest(state)
        return self.folder / name[:2] / name

    def _keep(self, path: Path, example: Example) -> None:
        if not self._writable:
            return
        try:
            write_example(path, example)
        except OSError as error:  # the disk may fill up later than it was looked at; training goes on without
            self._writable = False
            log.warning("no more examples are kept in %s: %s", self.folder, error)


def write_example(path: Path, example: Example) -> None:
    """Write height, width, channels and their bytes, image, mask and name, in one step."""
    shape = np.array([*example.image.shape, example.image.itemsize], np.int64)
    parts = (shape.tobytes(), example.image.tobytes(), example.mask.tobytes(), example.name.encode())
    write_atomically(path, b"".join(parts))


def read_example(path: Path) -> Example | None:
    """Read what `write_example` wrote; None if it is not there or not whole."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if len(content) < HEAD:
        return None
    height, width, channels, size = (int(side) for side in content[:HEAD].view(np.int64))
    image, mask, name = np.split(content[HEAD:], np.cumsum([channels * size * height * width, height * width]))
    if len(mask) < height * width:
        return None
    pixels = image.view(TYPES[size]).reshape(height, width, channels)
    return Example(pixels, mask.reshape(height, width), name.tobytes().decode())


def _bytes_needed(split: Split) -> int:
    probed = [split[int(index)] for index in np.linspace(0, len(split) - 1, min(PROBED, len(split)))]
    return int(np.mean([example.image.nbytes + example.mask.nbytes for example in probed]) * len(split))


def _bytes_held(folder: Path) -> int:
    held = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process moves what it has written into place
            held += path.stat().st_size if path.is_file() else 0
    return held


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
