"""Reading files of torch without running the code that a pickle can hold, or allocating what the file does not back."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastfcn.pickled import RefusedError, require_plain

Allowed = Sequence[Callable[..., Any] | tuple[Callable[..., Any], str]]

LARGEST_PICKLE = 64 * 2**20  # bytes; tensors lie beside it
LEGACY_PICKLES = 5  # magic number, version, system, content, names of storages: torch's format from before zip files
MOST_VALUES = 1_000_000
DEEPEST = 32


def load_plain(path: Path, allowed: Allowed = ()) -> Any:
    """Read tensors, numbers, text and containers of them, and beyond those only what `allowed` names.

    Containers come back as plain dict, list and tuple; tensors of a zip file stay on disk until they are used. Raises
    FileNotFoundError if there is no file, ValueError if it is damaged, no checkpoint, holds code, or describes more
    than it holds.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    names = [each[1] if isinstance(each, tuple) else f"{each.__module__}.{each.__name__}" for each in allowed]
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    try:
        for pickles, count in _pickles(path, zipped=zipped):
            for _ in range(count):
                require_plain(pickles, names)
        with torch.serialization.safe_globals(list(allowed)):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        return _Copy(path.stat().st_size).of(content)
    except RefusedError as error:
        raise ValueError(f"{path} {error}") from error
    except Exception as error:  # of which a damaged pickle may raise any
        reason = "is truncated or damaged" if zipped else "is no checkpoint, or a truncated one"
        raise ValueError(f"{path} {reason}") from error


def _pickles(path: Path, *, zipped: bool) -> Iterator[tuple[BytesIO, int]]:
    """Find the pickles of a file, some of them one after the other."""
    if not zipped:
        with path.open("rb") as file:
            yield BytesIO(file.read(LARGEST_PICKLE)), LEGACY_PICKLES
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise RefusedError("holds compressed members, which torch does not write; refused")
        pickled = [member for member in members if member.filename.endswith(".pkl")]
        if sum(member.file_size for member in members) > path.stat().st_size or len(pickled) != 1:
            raise RefusedError("is no archive as torch writes it; refused")
        if pickled[0].file_size > LARGEST_PICKLE:
            raise RefusedError(f"describes itself in {pickled[0].file_size} bytes, more than any checkpoint; refused")
        yield BytesIO(archive.read(pickled[0])), 1


class _Copy:
    """A copy of containers, without what a pickle can hang on them, that counts values and the bytes of tensors."""

    def __init__(self, held: int) -> None:
        self._held = held  # bytes in the file
        self._values = 0

    def of(self, node: Any, key: Any = None, depth: int = 0) -> Any:
        """Copy a node that stands at `key`. Raises RefusedError where it is larger than the file backs."""
        self._values += 1
        if self._values > MOST_VALUES or depth > DEEPEST:
            raise RefusedError("holds containers nested or repeated as in no checkpoint; refused")
        if isinstance(node, Tensor):
            self._require_backed(node, key)
        elif isinstance(node, dict):
            return {key: self.of(value, key, depth + 1) for key, value in dict.items(node)}
        elif isinstance(node, list | tuple):
            values = [self.of(value, index, depth + 1) for index, value in enumerate(node)]
            return values if isinstance(node, list) else tuple(values)
        return node

    def _require_backed(self, tensor: Tensor, key: Any) -> None:
        needed = tensor.numel() * tensor.element_size()
        self._held -= needed
        if self._held < 0 or needed > tensor.untyped_storage().nbytes():
            raise RefusedError(f"holds tensors that repeat few values, first {str(key)[:200]}; refused")
