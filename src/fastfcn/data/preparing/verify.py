"""Checks of a dataset's files: all of them, every fault reported."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.bands import Bands
from fastfcn.data.images import SAME_SIZE, UPRIGHT, orientation
from fastfcn.data.labelled import MAX_VALUES, count_pixels
from fastfcn.data.labels import Labels
from fastfcn.data.listing import repeated
from fastfcn.data.pairs import FileData, Pair, label_fault, missing, open_values, size_fault
from fastfcn.data.preparing.counts import ClassCounts
from fastfcn.data.preparing.masks import in_parallel


@dataclass(frozen=True)
class Check:
    """One pair and what its mask may hold; sent to another process."""

    pair: Pair
    labels: Labels
    allowed: str
    upright: bool
    bands: Bands


@dataclass
class Checked:
    """Faults; `pixels` by class index if the mask is sound; `turned` if EXIF turns the image and its size stays."""

    faults: list[str] = field(default_factory=list)
    pixels: NDArray[np.int64] | None = None
    turned: bool = False


@dataclass(frozen=True)
class Findings:
    """What was found in all files."""

    faults: list[str]
    counts: ClassCounts
    turned: list[Path]


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
    for name, pairs in list_splits(data).items():
        for image, other in repeated(pair.image for pair in pairs):
            yield f"{image} has the same name as {other.name}, in split {name!r}"


def check_files(data: FileData, workers: int) -> Findings:
    """Read every file that is there, compare, and count."""
    splits = list_splits(data)
    pairs = {pair: None for listed in splits.values() for pair in listed}
    absent = set(missing(path for pair in pairs for path in (pair.image, pair.mask) if path is not None))
    present = [pair for pair in pairs if pair.image not in absent]
    checks = [check_of(data, Pair(pair.image, None if pair.mask in absent else pair.mask)) for pair in present]
    findings = Findings([], ClassCounts(data, {name: set(listed) for name, listed in splits.items()}), [])
    results = in_parallel(check_pair, checks, description="verifying", workers=workers)
    for pair, checked in zip(present, results, strict=True):
        findings.faults.extend(checked.faults)
        findings.turned.extend([pair.image] if checked.turned else [])
        findings.counts.add(pair, checked.pixels)
    return findings


def check_of(data: FileData, pair: Pair) -> Check:
    """Say what to check of a pair of a dataset."""
    return Check(pair, data.labels, data.allowed(), data.upright, data.bands)


def check_pair(check: Check) -> Checked:
    """Read an image and its mask, and find all that is wrong with them."""
    checked, pair = Checked(), check.pair
    shape = None
    try:
        shape = check.bands.check(pair.image, upright=check.upright)
        turn = orientation(pair.image)
        checked.turned = turn in SAME_SIZE or (turn != UPRIGHT and shape[0] == shape[1])
    except ValueError as error:
        checked.faults.append(str(error))
    if pair.mask is None:
        return checked
    try:
        size, parts = open_values(pair.mask)
        if shape is not None and size != tuple(shape[:2]):
            checked.faults.append(size_fault(pair, size, shape, upright=check.upright))
        checked.pixels = np.zeros(MAX_VALUES, np.int64)
        for values in parts:
            if unknown := check.labels.unknown(values):
                raise ValueError(label_fault(pair, unknown, check.allowed))
            checked.pixels += count_pixels(check.labels.apply(values))
    except ValueError as error:
        checked.faults.append(str(error))
        checked.pixels = None
    return checked


def describe_turned(data: FileData, turned: list[Path]) -> str:
    """Warn of images that EXIF says to turn, while no size tells whether their masks were drawn before or after."""
    return (
        f"{len(turned)} images, the first {turned[0]}, have an EXIF orientation that does not change their size, and "
        f"{'are' if data.upright else 'are not'} turned by it: if masks were drawn on "
        f"{'the pixels as they are stored' if data.upright else 'the upright images'}, they lie wrong, and "
        f"data.upright={'false' if data.upright else 'true'} mends it"
    )


def list_splits(data: FileData) -> dict[str, list[Pair]]:
    """List the splits that can be listed."""
    listed = {}
    for name in data.checked_splits():
        try:
            listed[name] = data.pairs(name)
        except (ValueError, FileNotFoundError):
            continue  # count_faults reports it
    return listed
