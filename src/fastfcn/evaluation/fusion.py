"""Sums of exponentials that neither overflow nor vanish, pixel by pixel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from fastfcn.evaluation.sliding import Window

ROWS = 64  # resized together: bounds the memory of an intermediate


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

    def cut(self, height: int, width: int) -> "ScaledScores":
        """Keep the upper left part."""
        return ScaledScores(self.values[:, :height, :width], self.offset[:height, :width])

    def resize(self, size: tuple[int, int], *, align_corners: bool) -> "ScaledScores":
        """Resize the scores bilinearly, each pixel relative to the largest of the four that it is made of."""
        if tuple(self.offset.shape) == size:
            return self
        rows = _neighbours(self.offset.shape[0], size[0], align_corners, self.offset)
        columns = _neighbours(self.offset.shape[1], size[1], align_corners, self.offset)
        result = ScaledScores.zeros(len(self.values), *size, like=self.values)
        for first in range(0, size[0], ROWS):
            part = slice(first, first + ROWS)
            corners = [
                (y[part], x, wy[part][:, None] * wx) for y, wy in rows for x, wx in columns
            ]  # indices and weights (rows, columns) of the four
            offsets = [
                torch.where(weight > 0, self.offset[y][:, x], -torch.inf) for y, x, weight in corners
            ]  # a neighbour without weight must not set the offset
            largest = torch.stack(offsets).amax(0)
            for (y, x, weight), offset in zip(corners, offsets, strict=True):
                result.values[:, part] += self.values[:, y][:, :, x] * (weight * (offset - largest).exp())
            result.offset[part] = largest
        return result

    def log(self) -> Tensor:
        """Return the log-scores (C, H, W), in this object's memory."""
        return self.values.log_().add_(self.offset)


def _neighbours(source: int, target: int, align_corners: bool, like: Tensor) -> list[tuple[Tensor, Tensor]]:
    """For every target place along one axis, its two source places with their weights."""
    places = torch.arange(target, device=like.device, dtype=torch.float64)
    if align_corners:
        exact = places * ((source - 1) / max(target - 1, 1))
    else:
        exact = ((places + 0.5) * (source / target) - 0.5).clamp(min=0)
    low = exact.floor().long().clamp(max=source - 1)
    high = (low + 1).clamp(max=source - 1)
    fraction = (exact - low).to(like.dtype)
    return [(low, 1 - fraction), (high, fraction)]
