"""The paper's evaluation: sliding windows over scaled images, with or without mirror images, fused in exp space.

From the authors' released code. Their exp of summed logits overflows in float32, so every pixel's scores are kept as
`values * exp(offset)` with the largest value near 1; the argmax is that of the unbounded sum.
"""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import islice
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.evaluation.fusion import ScaledScores
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.windows import ScaledImage, Source, Window
from fastfcn.models.inference import FastSegmenter, Network
from fastfcn.models.layers.resize import resize
from fastfcn.options import OWN, AtLeastOne, BaseSize, CropSize, Scales, Word

DEFAULT_BATCH = 4  # windows in one pass on a GPU; a CPU gains nothing from more than one
ROWS = 64  # of the image, fused together: bounds the memory of scores


class SlidingWindow(Protocol):
    """Scores an image at every one of `scales`, each in overlapping windows, and sums.

    The long side becomes ceil(base_size * scale), or with `own` so many times itself. `fusion` is `exp_sum` (the
    authors': the exp of a window's logits, plus those of its mirror image with `flip`, averaged over windows, summed
    over scales) or `softmax` (probabilities instead, as mmsegmentation). `batch` windows go through the network
    together, always of crop_size x crop_size.
    """

    def __init__(
        self,
        *,
        name: Word,
        base_size: BaseSize,
        crop_size: CropSize,
        scales: Scales,
        flip: bool,
        fusion: Literal["exp_sum", "softmax"],
        batch: AtLeastOne | None,
    ) -> None:
        if (
            min(crop_size if base_size == OWN else base_size, crop_size, batch or 1) < 1
            or batch == 0
            or not scales
            or min(scales) <= 0
        ):
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

    @property
    def as_is(self) -> bool:
        """Tell whether all windows are of an image at its own size, whatever that is."""
        return self.base_size == OWN and set(self.scales) == {1.0}

    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Return the log of the summed scores (1, C, H, W) for one normalised image (1, channels, H, W)."""
        return torch.cat([strip.log() for strip in self._strips(network, images)], dim=1).unsqueeze(0)

    def labels(self, network: Network, images: Tensor) -> Tensor:
        """Return the classes of the largest scores, which exist for some rows at a time."""
        return torch.cat([strip.log().argmax(0) for strip in self._strips(network, images)]).unsqueeze(0)

    def strips(self, network: Network, source: Source) -> Iterator[Tensor]:
        """Yield what `scores` returns, (C, h, W) at a time, of an image that is read window by window, `as_is`."""
        scaled = [self._scaled(source, source.size, network, block=ROWS) for _ in self.scales]
        for strip in self._fused(network, scaled):
            yield strip.log()

    def _strips(self, network: Network, images: Tensor) -> Iterator[ScaledScores]:
        return self._fused(network, [self._scale(images, scale, network) for scale in self.scales])

    def _fused(self, network: Network, scaled: Sequence[ScaledImage]) -> Iterator[ScaledScores]:
        """Yield the summed scores ROWS by ROWS; windows of all scales come in the order in which rows need them."""
        height, device = scaled[0].target[0], scaled[0].source.device
        black = network.statistics.black(device)
        order = sorted(
            ((each, window) for each in scaled for window in each.windows),
            key=lambda place: place[1].top / place[0].size[0],
        )
        crops = (self._pad(each.crop(window), black) for each, window in order)
        batch = self.batch or (DEFAULT_BATCH if device.type == "cuda" else 1)
        first = 0
        for (each, _), log_scores in zip(order, self._log_scores(network, crops, batch), strict=True):
            each.add(log_scores)
            while first < height and all(other.has(min(first + ROWS, height)) for other in scaled):
                last = min(first + ROWS, height)
                yield reduce(ScaledScores.add, (other.take(first, last) for other in scaled))
                first = last

    def _scale(self, images: Tensor, scale: float, network: Network) -> ScaledImage:
        target = (images.shape[-2], images.shape[-1])
        size = self._scaled_size(*target, scale)
        whole = resize(images, size, align_corners=network.align_corners)

        def read(window: Window) -> Tensor:
            return whole[..., window.top : window.bottom, window.left : window.right]

        return self._scaled(Source(size, images.device, read), target, network)

    def _scaled(
        self, source: Source, target: tuple[int, int], network: Network, *, block: int | None = None
    ) -> ScaledImage:
        align_corners = network.align_corners
        return ScaledImage(source, target, crop=self.crop_size, align_corners=align_corners, block=block)

    def _scaled_size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        base = max(height, width) if self.base_size == OWN else self.base_size
        long = math.ceil(base * scale)
        if height > width:
            return long, max(int(width * long / height + 0.5), 1)
        return max(int(height * long / width + 0.5), 1), long

    def _pad(self, image: Tensor, black: Tensor) -> Tensor:
        """Pad right and bottom up to crop_size with a `black` pixel (channels, 1, 1)."""
        down, right = (max(self.crop_size - side, 0) for side in image.shape[-2:])
        padded = F.pad(image, (0, right, 0, down))
        padded[..., image.shape[-2] :, :] = black
        padded[..., image.shape[-1] :] = black
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
