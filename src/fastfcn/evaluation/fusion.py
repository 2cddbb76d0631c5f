"""Sums of exponentials that neither overflow nor vanish, pixel by pixel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from fastfcn.evaluation.windows import Window


@dataclass
class Neighbours:
    """For every target place along one axis, its two source places and the weight of the higher one."""

    low: Tensor
    high: Tensor
    weight: Tensor

    @classmethod
    def between(cls, source: int, target: int, *, align_corners: bool) -> "Neighbours":
        """Pair the places of an axis of `source` pixels resized to `target`, on the CPU."""
        places = torch.arange(target, dtype=torch.float64)
        if align_corners:
            exact = places * ((source - 1) / max(target - 1, 1))
        else:
            exact = ((places + 0.5) * (source / target) - 0.5).clamp(min=0)
        low = exact.floor().long().clamp(max=source - 1)
        return cls(low, (low + 1).clamp(max=source - 1), (exact - low).float())

    def part(self, first: int, last: int, *, start: int = 0) -> "Neighbours":
        """Keep the target places from `first` to `last`; source places are counted from `start`."""
        return Neighbours(self.low[first:last] - start, self.high[first:last] - start, self.weight[first:last])

    def to(self, device: torch.device) -> "Neighbours":
        """Move to a device."""
        return Neighbours(self.low.to(device), self.high.to(device), self.weight.to(device))

    def pairs(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return source places with their weights, the lower ones first."""
        return (self.low, 1 - self.weight), (self.high, self.weight)


@dataclass
class ScaledScores:
    """Scores `values` (C, H, W) times exp(`offset`) (H, W); the offset is the largest log-score that a pixel has seen.

    A pixel without scores has offset -inf.
    """

    values: Tensor
    offset: Tensor

    @classmethod
    def zeros(cls, classes: int, height: int, width: int, *, like: Tensor) -> "ScaledScores":
        """Begin without scores, on the device of `like`."""
        values = torch.zeros(classes, height, width, device=like.device)
        return cls(values, torch.full((height, width), -torch.inf, device=like.device))

    def cleared(self) -> "ScaledScores":
        """Begin anew, in the same memory."""
        self.values.zero_()
        self.offset.fill_(-torch.inf)
        return self

    def add_window(self, log_scores: Tensor, window: "Window") -> None:
        """Add exp(log_scores) (C, h, w) in a window, in the memory of both."""
        part = (slice(window.top, window.bottom), slice(window.left, window.right))
        before = self.offset[part]
        after = torch.maximum(before, log_scores.amax(0))
        self.values[:, *part].mul_((before - after).exp()).add_(log_scores.sub_(after).exp_())
        self.offset[part] = after

    def add(self, other: "ScaledScores") -> "ScaledScores":
        """Add scores of the same size, into this object's memory."""
        after = torch.maximum(self.offset, other.offset)
        self.values.mul_((self.offset - after).exp()).add_(other.values.mul_((other.offset - after).exp()))
        self.offset = after
        return self

    def resize(self, rows: Neighbours, columns: Neighbours) -> "ScaledScores":
        """Resize the scores bilinearly, each pixel relative to the largest of the four that it is made of."""
        result = ScaledScores.zeros(len(self.values), len(rows.weight), len(columns.weight), like=self.values)
        corners = [
            (y, x, wy[:, None] * wx) for y, wy in rows.pairs() for x, wx in columns.pairs()
        ]  # indices and weights (rows, columns) of the four
        offsets = [
            torch.where(weight > 0, self.offset[y][:, x], -torch.inf) for y, x, weight in corners
        ]  # a neighbour without weight must not set the offset
        result.offset = torch.stack(offsets).amax(0)
        for (y, x, weight), offset in zip(corners, offsets, strict=True):
            result.values += self.values[:, y][:, :, x] * (weight * (offset - result.offset).exp())
        return result

    def log(self) -> Tensor:
        """Return the log-scores (C, H, W), in this object's memory."""
        return self.values.log_().add_(self.offset)
