"""Checks of a dataset's files: all of them, every fault reported."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastfcn.data.files import FileData, Pair, label_fault, missing, size_fault
from fastfcn.data.images import read_image, read_indices
from fastfcn.data.labels import Labels
from fastfcn.data.preparing.masks import in_parallel


@dataclass(frozen=True)
class Check:
    """One pair and what its mask may hold; sent to another process."""

    pair: Pair
    labels: Labels
    allowed: str
    upright: bool


def count_faults(data: FileData) -> Iterator[str]:
    """Find splits that cannot be listed or are not of their published size, and files that are not there."""
    for name, size in data.checked_splits().items():
        try:
            pairs = data.pairs(name)
        except (ValueError, FileNotFoundError) as error:
            yield str(error)
            continue
        if size is not None and len(pairs) != size:
            yield f"split {name!r} has {len(pairs)} images, {size} were published"
        if not pairs:
            yield f"split {name!r} is empty"
        for kind in ("image", "mask"):
            paths = [path for pair in pairs if (path := getattr(pair, kind)) is not None]
            yield from (f"no {kind} {path}" for path in missing(paths))


def stem_faults(data: FileData) -> Iterator[str]:
    """Find images of one split that share a name but for the suffix: their masks would be the same file."""
    for name, pairs in _listed(data).items():
        first: dict[str, Path] = {}
        for pair in pairs:
            other = first.setdefault(pair.image.stem, pair.image)
            if other != pair.image:
                yield f"{pair.image} has the same name as {other.name}, in split {name!r}"


def file_faults(data: FileData, workers: int) -> Iterator[str]:
    """Read every file that is there and compare."""
    pairs = {pair: None for listed in _listed(data).values() for pair in listed}
    absent = set(missing(path for pair in pairs for path in (pair.image, pair.mask) if path is not None))
    checks = [
        Check(Pair(pair.image, None if pair.mask in absent else pair.mask), data.labels, data.allowed(), data.upright)
        for pair in pairs
        if pair.image not in absent
    ]
    for faults in in_parallel(check_pair, checks, description="verifying", workers=workers):
        yield from faults


def check_pair(check: Check) -> list[str]:
    """Read an image and its mask; return all that is wrong with them."""
    faults, shape, pair = [], None, check.pair
    try:
        shape = read_image(pair.image, upright=check.upright).shape
    except ValueError as error:
        faults.append(str(error))
    if pair.mask is None:
        return faults
    try:
        values = read_indices(pair.mask)
    except ValueError as error:
        return [*faults, str(error)]
    if shape is not None and values.shape != shape[:2]:
        faults.append(size_fault(pair, values.shape, shape))
    unknown = check.labels.unknown(values)
    if unknown:
        faults.append(label_fault(pair, unknown, check.allowed))
    return faults


def _listed(data: FileData) -> dict[str, list[Pair]]:
    listed = {}
    for name in data.checked_splits():
        try:
            listed[name] = data.pairs(name)
        except (ValueError, FileNotFoundError):
            continue  # count_faults reports it
    return listed
