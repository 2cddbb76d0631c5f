"""What a whole dataset shows: sizes, statistics, images that are nearly the same, and those worth a look."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import IGNORE
from fastfcn.data.looking.measure import Seen

ALIKE = 12  # of 256 bits that may differ between images that are nearly the same
CHUNK = 256  # images compared at a time
TYPICAL, ODD = 8, 4  # pictures of the gallery; of each oddity
NEARLY_EMPTY = 0.02  # share of the labelled pixels beside the commonest class
_BITS = np.array([bin(value).count("1") for value in range(256)], np.uint8)


def near_duplicates(seen: Sequence[Seen]) -> list[tuple[Seen, Seen, int]]:
    """Return images of different splits that look nearly the same, with the bits in which they differ; least first."""
    hashes = np.array([list(each.hash) for each in seen], np.uint8)
    splits = np.array([each.split for each in seen])
    found = []
    for first in range(0, len(seen), CHUNK):
        differing = _BITS[hashes[first : first + CHUNK, None] ^ hashes[None]].sum(-1, dtype=np.int64)
        for row, other in np.argwhere(differing <= ALIKE):
            index = first + int(row)
            if index < other and splits[index] != splits[other]:
                found.append((seen[index], seen[int(other)], int(differing[row, other])))
    return sorted(found, key=lambda each: each[2])


def statistics(seen: Sequence[Seen]) -> tuple[list[float], list[float]]:
    """Return the mean and deviation of each channel over all pixels, in 0..1."""
    count = sum(width * height for width, height in (each.size for each in seen))
    mean = np.sum([each.sums for each in seen], 0) / max(count, 1)
    square = np.sum([each.squares for each in seen], 0) / max(count, 1)
    return mean.round(4).tolist(), np.sqrt(np.maximum(square - mean**2, 0)).round(4).tolist()


def commonest(values: Sequence[object], shown: int = 5) -> list[tuple[str, int]]:
    """Return the commonest values with their number, and how many others there are."""
    counted = Counter(map(str, values)).most_common()
    rest = sum(count for _, count in counted[shown:])
    return [*counted[:shown], *([(f"{len(counted) - shown} others", rest)] if rest else [])]


def imbalance(pixels: NDArray[np.int64], names: Sequence[str]) -> str:
    """Say how much more of the commonest class there is than of the rarest that there is any of."""
    held = np.flatnonzero(pixels)
    most, least = held[pixels[held].argmax()], held[pixels[held].argmin()]
    return f"{names[most]} has {pixels[most] / pixels[least]:,.0f} times the pixels of {names[least]}"


def shares(seen: Sequence[Seen], classes: int) -> NDArray[np.float64]:
    """Return the share of each class in the labelled pixels of each image, (N, C)."""
    pixels = np.array([each.pixels[:classes] for each in seen], np.float64)
    labelled: NDArray[np.float64] = pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
    return labelled


def gallery(seen: Sequence[Seen], names: Sequence[str]) -> Iterator[tuple[str, Seen]]:
    """Choose images with the reason: typical ones, nearly empty masks, much of no class, and the rarest classes."""
    held = shares(seen, len(names))
    distance = np.abs(held - held.mean(0)).sum(1)
    for place in np.argsort(distance, kind="stable")[:TYPICAL]:
        yield "typical", seen[place]
    beside = 1 - held.max(1)
    for place in np.argsort(beside, kind="stable")[:ODD]:
        if beside[place] < NEARLY_EMPTY:
            yield f"{100 * held[place].max():.1f} % {names[int(held[place].argmax())]}", seen[place]
    ignored = np.array([_ignored(each) for each in seen])
    for place in np.argsort(-ignored, kind="stable")[:ODD]:
        if ignored[place] > 0.5:
            yield f"{100 * ignored[place]:.0f} % of no class", seen[place]
    present = (held > 0).sum(0)
    rare = [index for index in np.flatnonzero(present).tolist() if present[index] < len(seen) / 2]
    for index in sorted(rare, key=lambda each: int(present[each]))[:ODD]:
        place = int(held[:, index].argmax())
        yield f"rare: {names[index]}, in {present[index]} of {len(seen)} images", seen[place]


def _ignored(each: Seen) -> float:
    return float(each.pixels[IGNORE] / max(each.pixels.sum(), 1))
