"""The windows over one scaled image, and their scores, row by row."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fastfcn.evaluation.fusion import Neighbours, ScaledScores


class Window(NamedTuple):
    """A part of the scaled image, in its pixels."""

    top: int
    left: int
    bottom: int
    right: int


def cover(height: int, width: int, crop: int) -> Iterator[Window]:
    """Cover a map of at least `crop` a side, in rows; the last windows end at the border, and may be smaller."""
    if max(height, width) <= crop:
        yield Window(0, 0, height, width)
        return
    stride = window_stride(crop)
    for row in range(math.ceil((height - crop) / stride) + 1):
        for column in range(math.ceil((width - crop) / stride) + 1):
            top, left = row * stride, column * stride
            yield Window(top, left, min(top + crop, height), min(left + crop, width))


def window_stride(crop: int) -> int:
    """Return the distance of neighbouring windows: two thirds of a window."""
    return max(int(crop * 2 / 3), 1)


@dataclass(frozen=True)
class Source:
    """An image of `size` (height, width) of which windows are read: `read` returns one, normalised, (1, C, h, w)."""

    size: tuple[int, int]
    device: torch.device
    read: Callable[[Window], Tensor]


class ScaledImage:
    """A scaled image, padded to at least a crop, and the scores of its windows resized to `target`.

    Windows are scored in their order and their scores averaged. What is kept are blocks of rows that windows still add
    to or that are still to be read: memory grows with a row of windows, not with the image.
    """

    def __init__(
        self, source: Source, target: tuple[int, int], *, crop: int, align_corners: bool, block: int | None = None
    ) -> None:
        self.source, self.target = source, target
        self.size = source.size  # before padding
        self.padded = (max(self.size[0], crop), max(self.size[1], crop))
        self.windows = list(cover(*self.padded, crop))
        self._same = self.size == target
        self._rows = Neighbours.between(self.size[0], target[0], align_corners=align_corners)
        self._columns = Neighbours.between(self.size[1], target[1], align_corners=align_corners).to(source.device)
        self._pending = deque(self.windows)
        self._block = block or window_stride(crop)  # rows
        self._blocks: dict[int, ScaledScores] = {}
        self._spare: list[ScaledScores] = []  # used again: large pieces given back and taken anew would riddle memory
        down = {(window.top, window.bottom) for window in self.windows}
        across = {(window.left, window.right) for window in self.windows}
        self._counts = [  # of windows over each row, and each column: those of a pixel are their product
            _covered(parts, side).to(source.device) for parts, side in zip((down, across), self.padded, strict=True)
        ]

    def crop(self, window: Window) -> Tensor:
        """Read a window, without padding."""
        bottom, right = min(window.bottom, self.size[0]), min(window.right, self.size[1])
        return self.source.read(Window(window.top, window.left, bottom, right))

    def add(self, log_scores: Tensor) -> None:
        """Add the scores (C, crop, crop) of the next window."""
        window = self._pending.popleft()
        log_scores = log_scores[:, : window.bottom - window.top, : window.right - window.left]
        for number in range(window.top // self._block, math.ceil(window.bottom / self._block)):
            start = number * self._block
            first, last = max(window.top, start), min(window.bottom, start + self._block)
            if number not in self._blocks:
                self._blocks[number] = self._empty_block(log_scores)
            place = Window(first - start, window.left, last - start, window.right)
            self._blocks[number].add_window(log_scores[:, first - window.top : last - window.top], place)

    def _empty_block(self, log_scores: Tensor) -> ScaledScores:
        if self._spare:
            return self._spare.pop().cleared()
        return ScaledScores.zeros(len(log_scores), self._block, self.padded[1], like=log_scores)

    def has(self, last: int) -> bool:
        """Tell whether all windows that the target's rows before `last` are made of have been added."""
        return not self._pending or int(self._rows.high[last - 1]) < self._pending[0].top

    def take(self, first: int, last: int) -> ScaledScores:
        """Return rows `first` to `last` of the target; those before `last` are not asked for again."""
        start, end = int(self._rows.low[first]), int(self._rows.high[last - 1]) + 1
        scores = self._mean(first, last) if self._same else self._mean(start, end)
        if last < len(self._rows.low):
            for number in [each for each in self._blocks if (each + 1) * self._block <= self._rows.low[last]]:
                self._spare.append(self._blocks.pop(number))
        if self._same:
            return scores
        return scores.resize(self._rows.part(first, last, start=start).to(self.source.device), self._columns)

    def _mean(self, start: int, end: int) -> ScaledScores:
        """Average the windows' scores in rows `start` to `end`, padding cut off."""
        values, offsets = [], []
        for number in range(start // self._block, math.ceil(end / self._block)):
            top = number * self._block
            rows = slice(max(start - top, 0), min(end - top, self._block))
            block = self._blocks[number]
            values.append(block.values[:, rows, : self.size[1]])
            offsets.append(block.offset[rows, : self.size[1]])
        down, across = self._counts
        counts = down[start:end, None] * across[: self.size[1]]
        return ScaledScores(torch.cat(values, 1) / counts, torch.cat(offsets))


def _covered(parts: Iterable[tuple[int, int]], side: int) -> Tensor:
    counts = torch.zeros(side)
    for first, last in parts:
        counts[first:last] += 1
    return counts
