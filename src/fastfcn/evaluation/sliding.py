"""The paper's evaluation: sliding windows over scaled images, with or without mirror images, fused in exp space.

From the authors' released code. Their exp of summed logits overflows in float32, so every pixel's scores are kept as
`values * exp(offset)` with the largest value near 1; the argmax is that of the unbounded sum.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.data.loading import MEAN, STD
from fastfcn.evaluation.fusion import ScaledScores
from fastfcn.evaluation.protocols import Protocol
from fastfcn.models.inference import FastSegmenter, Network
from fastfcn.models.layers.resize import resize
from fastfcn.options import AtLeastOne, CropSize, Pixels, Scales, Word

DEFAULT_BATCH = 4  # windows in one pass on a GPU; a CPU gains nothing from more than one


class Window(NamedTuple):
    """A part of the scaled image, in its pixels."""

    top: int
    left: int
    bottom: int
    right: int


class SlidingWindow(Protocol):
    """Scores an image at every one of `scales`, each in overlapping windows, and sums.

    The long side becomes ceil(base_size * scale). `fusion` is `exp_sum` (the authors': the exp of a window's logits,
    plus those of its mirror image with `flip`, averaged over windows, summed over scales) or `softmax` (probabilities
    instead, as mmsegmentation). `batch` windows go through the network together, always of crop_size x crop_size.
    """

    def __init__(
        self,
        *,
        name: Word,
        base_size: Pixels,
        crop_size: CropSize,
        scales: Scales,
        flip: bool,
        fusion: Literal["exp_sum", "softmax"],
        batch: AtLeastOne | None,
    ) -> None:
        if min(base_size, crop_size, batch or 1) < 1 or batch == 0 or not scales or min(scales) <= 0:
            raise ValueError(
                "protocol needs positive base_size, crop_size, scales and batch, "
                f"got {base_size}, {crop_size}, {list(scales)}, {batch}"
            )
        self.name = name
        self.base_size = base_size
        self.crop_size = crop_size
        self.scales = scales
        self.flip = flip
        self.fusion = fusion
        self.batch = batch

    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Return the log of the summed scores (1, C, H, W) for one normalised image (1, 3, H, W)."""
        height, width = images.shape[-2:]
        scaled = [
            self._scale(images, self._scaled_size(height, width, scale), network.align_corners) for scale in self.scales
        ]
        crops = (self._pad(each.crop(window)) for each in scaled for window in each.windows)
        batch = self.batch or (DEFAULT_BATCH if images.is_cuda else 1)
        results = self._log_scores(network, crops, batch)
        total: ScaledScores | None = None
        for each in scaled:
            part = _mean_over_windows(each, islice(results, len(each.windows)))
            part = part.resize((height, width), align_corners=network.align_corners)
            total = part if total is None else total.add(part)
        assert total is not None
        return total.log().unsqueeze(0)

    def _scale(self, images: Tensor, size: tuple[int, int], align_corners: bool) -> "ScaledImage":
        padded = self._pad(resize(images, size, align_corners=align_corners))
        return ScaledImage(padded, size, list(self._windows(padded.shape[-2], padded.shape[-1])))

    def _scaled_size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        long = math.ceil(self.base_size * scale)
        if height > width:
            return long, int(width * long / height + 0.5)
        return int(height * long / width + 0.5), long

    def _windows(self, height: int, width: int) -> Iterator[Window]:
        """Cover a map of at least crop_size a side; the last windows end at the border, and may be smaller."""
        if max(height, width) <= self.crop_size:
            yield Window(0, 0, height, width)
            return
        stride = int(self.crop_size * 2 / 3)
        for row in range(math.ceil((height - self.crop_size) / stride) + 1):
            for column in range(math.ceil((width - self.crop_size) / stride) + 1):
                top, left = row * stride, column * stride
                yield Window(top, left, min(top + self.crop_size, height), min(left + self.crop_size, width))

    def _pad(self, image: Tensor) -> Tensor:
        """Pad right and bottom up to crop_size with the value of a black pixel."""
        down, right = (max(self.crop_size - side, 0) for side in image.shape[-2:])
        black = torch.tensor([-mean / std for mean, std in zip(MEAN, STD, strict=True)], device=image.device)
        padded = F.pad(image, (0, right, 0, down))
        padded[..., image.shape[-2] :, :] = black.view(3, 1, 1)
        padded[..., image.shape[-1] :] = black.view(3, 1, 1)
        return padded

    def _log_scores(self, network: Network, crops: Iterator[Tensor], batch: int) -> Iterator[Tensor]:
        """Yield the log of each window's scores (C, crop, crop), in order, from passes over `batch` windows.

        A compiled network sees batches of one size alone, the last filled up with what is then dropped.
        """
        while chosen := list(islice(crops, batch)):
            count = len(chosen)
            if isinstance(network, FastSegmenter):
                chosen += [torch.zeros_like(chosen[0])] * (batch - count)
            yield from self._fuse_mirrored(network, torch.cat(chosen))[:count]

    def _fuse_mirrored(self, network: Network, crops: Tensor) -> Tensor:
        """Return the log of the scores (B, C, crop, crop), those of the mirror images added."""
        both = torch.cat([crops, crops.flip(-1)]) if self.flip else crops
        logits: Tensor = network(both).logits.float()
        if self.fusion == "softmax":
            logits = logits.log_softmax(1)
        if not self.flip:
            return logits
        straight, mirrored = logits.chunk(2)
        mirrored = mirrored.flip(-1)
        fused: Tensor = (
            straight + mirrored if self.fusion == "exp_sum" else torch.logaddexp(straight, mirrored) - math.log(2)
        )
        return fused


@dataclass
class ScaledImage:
    """A scaled image (1, 3, h, w), padded to at least a crop, its size before that, and the windows that cover it."""

    padded: Tensor
    size: tuple[int, int]
    windows: list[Window]

    def crop(self, window: Window) -> Tensor:
        """Cut out a window."""
        return self.padded[..., window.top : window.bottom, window.left : window.right]


def _mean_over_windows(image: ScaledImage, results: Iterable[Tensor]) -> ScaledScores:
    """Average the windows' scores (C, crop, crop) at every pixel."""
    size = image.padded.shape[-2:]
    total: ScaledScores | None = None
    counts = torch.zeros(size, device=image.padded.device)
    for window, scores in zip(image.windows, results, strict=True):
        if total is None:
            total = ScaledScores.zeros(scores.shape[0], *size, like=scores)
        total.add_window(scores[:, : window.bottom - window.top, : window.right - window.left], window)
        counts[window.top : window.bottom, window.left : window.right] += 1
    assert total is not None
    total.values /= counts
    return total.cut(*image.size)
