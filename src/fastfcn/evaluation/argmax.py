"""The argmax over classes of a resized map that never exists as a whole."""

from collections.abc import Iterator

import torch
from torch import Tensor

from fastfcn.models.layers.resize import resize

CLASSES = 16  # resized together; whole vectors of a CPU, so that torch computes each number as it does for all classes
FEWEST = 4  # torch resizes fewer channels by another kernel, whose rounding differs


def resized_argmax(scores: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Return `resize(scores, size).argmax(1)` (B, H, W) of `scores` (B, C, h, w), bit for bit.

    Holds CLASSES numbers a pixel instead of C.
    """
    best: Tensor | None = None
    channels_last = scores.is_contiguous(memory_format=torch.channels_last)  # which chooses torch's kernel as well
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for first, last in _chunks(scores.shape[1]):
        part = scores[:, first:last].contiguous(memory_format=layout)
        values, labels = resize(part, size, align_corners=align_corners).max(1)
        if best is None:
            best, chosen = values, labels
        else:
            better = values > best  # the first of equal scores stays, as in argmax
            torch.where(better, values, best, out=best)
            torch.where(better, labels + first, chosen, out=chosen)
    return chosen


def _chunks(classes: int) -> Iterator[tuple[int, int]]:
    first = 0
    while first < classes:
        last = first + CLASSES if classes - first - CLASSES >= FEWEST else classes
        yield first, last
        first = last
