"""The paper's protocol against one written out in numpy, in float64, which shares no code with the suite or torch."""

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.models.features import Prediction
from fastfcn.models.normalisation import IMAGENET
from tests.interpolation import stretch

Array = NDArray[np.float64]
Scorer = Callable[[Array], Array]

BLACK = -np.array([0.485, 0.456, 0.406]) / np.array([0.229, 0.224, 0.225])
TOLERANCE = 2e-4  # of log-scores from -4 to 6; float32 against float64

GEOMETRIES = [  # height, width, base_size, crop_size
    (24, 32, 20, 24),  # one window, larger than the image once scaled
    (32, 24, 24, 24),  # exactly one window
    (30, 41, 32, 20),  # long side over two windows
    (41, 30, 32, 20),
    (25, 25, 33, 18),  # square
    (12, 40, 34, 20),  # short side below the crop
    (40, 12, 34, 20),
    (9, 44, 26, 16),  # very flat
    (33, 21, 47, 30),
    (37, 50, 23, 23),  # shrunk, window of odd side
    (16, 16, 40, 24),  # enlarged
    (28, 35, 36, 35),  # a last window of a few pixels
]
SCALES = {"one": (1.0,), "six": (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)}
CASES = list(itertools.product(GEOMETRIES, SCALES, (False, True), (False, True), ("exp_sum", "softmax")))


class Toy(nn.Module):
    """Scores four classes by one 3x3 convolution, which knows left from right, and the border of what it is given."""

    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.align_corners, self.statistics = align_corners, IMAGENET
        self.weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(5)) / 2

    def forward(self, x: Tensor) -> Prediction:
        return Prediction(2 * torch.tanh(F.conv2d(x, self.weight, padding=1)))


def toy_scores(weight: Array) -> Scorer:
    """The same network on one image (3, h, w), in numpy."""

    def score(image: Array) -> Array:
        height, width = image.shape[1:]
        framed = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        shifted = [framed[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
        return 2 * np.tanh(np.einsum("kcs,schw->khw", weight.reshape(4, 3, 9), np.stack(shifted)))

    return score


def resize(image: Array, height: int, width: int, align_corners: bool) -> Array:
    rows, columns = (
        stretch(*sides, align_corners=align_corners) for sides in zip(image.shape[1:], (height, width), strict=True)
    )
    return np.einsum("hy,cyx,wx->chw", rows, image, columns, optimize=True)


def pad(image: Array, crop: int) -> Array:
    full = np.empty((3, max(crop, image.shape[1]), max(crop, image.shape[2])))
    full[:] = BLACK[:, None, None]
    full[:, : image.shape[1], : image.shape[2]] = image
    return full


def places(side: int, crop: int) -> Iterator[int]:
    stride = int(crop * 2 / 3)
    yield from (stride * index for index in range(math.ceil((side - crop) / stride) + 1))


def window_scores(score: Scorer, window: Array, flip: bool, fusion: str) -> Array:
    views = [score(window)] + ([score(window[..., ::-1])[..., ::-1]] if flip else [])
    if fusion == "exp_sum":
        return np.exp(sum(views))
    return np.mean([np.exp(view) / np.exp(view).sum(0) for view in views], axis=0)


def scale_scores(score: Scorer, scaled: Array, crop: int, flip: bool, fusion: str) -> Array:
    """Scores of one scaled image (classes, h, w)."""
    height, width = scaled.shape[1:]
    padded = pad(scaled, crop)
    if max(height, width) <= crop:
        return window_scores(score, padded, flip, fusion)[:, :height, :width]
    sums, counts = np.zeros((4, *padded.shape[1:])), np.zeros(padded.shape[1:])
    for top, left in itertools.product(*(places(side, crop) for side in padded.shape[1:])):
        window = padded[:, top : top + crop, left : left + crop]
        part = np.s_[top : top + window.shape[1], left : left + window.shape[2]]
        sums[:, *part] += window_scores(score, pad(window, crop), flip, fusion)[:, : window.shape[1], : window.shape[2]]
        counts[part] += 1
    assert counts.min() > 0
    return (sums / counts)[:, :height, :width]


def reference(
    score: Scorer, image: Array, base: int, crop: int, scales: tuple[float, ...], flip: bool, align: bool, fusion: str
) -> Array:
    """Log of the scores (classes, H, W), summed over scales."""
    height, width = image.shape[1:]
    total = np.zeros((4, height, width))
    for scale in scales:
        long = math.ceil(base * scale)
        size = (long, int(width * long / height + 0.5)) if height > width else (int(height * long / width + 0.5), long)
        part = scale_scores(score, resize(image, *size, align), crop, flip, fusion)
        total += resize(part, height, width, align)
    return np.log(total)


def test_scores_equal_the_protocol_written_out() -> None:
    assert len(CASES) >= 182
    largest = 0.0
    for (height, width, base, crop), scales, flip, align, fusion in CASES:
        network = Toy(align)
        image = np.random.default_rng(height * width).standard_normal((3, height, width)).astype(np.float32)
        protocol = SlidingWindow(
            name="case", base_size=base, crop_size=crop, scales=SCALES[scales], flip=flip, fusion=fusion, batch=3
        )
        ours = protocol.scores(network, torch.from_numpy(image)[None])[0].double().numpy()
        weight = network.weight.double().numpy()
        theirs = reference(
            toy_scores(weight), image.astype(np.float64), base, crop, SCALES[scales], flip, align, fusion
        )
        case = f"{height}x{width}, base {base}, crop {crop}, {scales}, flip {flip}, align_corners {align}, {fusion}"
        assert ours.shape == theirs.shape, case
        difference = np.abs(ours - theirs).max()
        assert difference < TOLERANCE, f"{case}: {difference}"
        largest = max(largest, difference)
    print(f"{len(CASES)} cases, largest difference {largest:.1e}")
