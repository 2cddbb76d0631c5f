"""The paper's protocol: equal to the authors' arrays, to a plain float64 loop, and safe from overflow."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastfcn.evaluation.fusion import Neighbours, ScaledScores
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.evaluation.windows import ScaledImage
from fastfcn.models.features import Prediction
from fastfcn.models.normalisation import IMAGENET
from tests.golden.generated import GOLDEN, images
from tests.models.test_golden import build_released

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


def protocol(**changes) -> SlidingWindow:
    options = {
        "name": "ms",
        "base_size": 104,
        "crop_size": 96,
        "scales": SCALES,
        "flip": True,
        "fusion": "exp_sum",
        "batch": 4,
    }
    return SlidingWindow(**{**options, **changes})


@pytest.mark.parametrize(
    ("size", "name"),
    [((90, 120), "ss"), ((130, 100), "ss"), ((90, 120), "ms"), pytest.param((130, 100), "ms", marks=pytest.mark.slow)],
)
def test_scores_equal_the_authors(size: tuple[int, int], name: str, composed) -> None:
    network = build_released("encnet_resnet50_jpu", composed).eval()
    golden = np.load(GOLDEN / "fastfcn" / "multiscale.npz")
    with torch.no_grad():
        scores = protocol(**({"scales": (1.0,), "flip": False} if name == "ss" else {})).scores(
            network, images(9, (1, 3, *size))
        )
    expected = golden[f"encnet_resnet50_jpu_{size[0]}x{size[1]}_{name}"]
    computed = scores[..., ::6, ::6].numpy()
    np.testing.assert_allclose(computed, expected, atol=1e-3)
    assert (computed.argmax(1) == expected.argmax(1)).mean() >= 0.999


class Peaked(nn.Module):
    """A stand-in whose logits are far too large for a float32 exp, and which knows left from right."""

    align_corners, statistics = True, IMAGENET

    def __init__(self, gain: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype
        generator = torch.Generator().manual_seed(0)
        self.weight = gain * torch.randn(5, 3, 3, 3, generator=generator)

    def forward(self, x: Tensor) -> Prediction:
        return Prediction(F.conv2d(x, self.weight, padding=1).to(self.dtype))


def plain_loop(network: nn.Module, image: Tensor, *, base: int, crop: int, scales, flip: bool, fusion: str) -> Tensor:
    """The protocol written out window by window, with scores in float64, where the exp has room."""
    height, width = image.shape[-2:]
    black = torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]).view(1, 3, 1, 1)

    def pad(x: Tensor) -> Tensor:
        full = black.expand(1, 3, max(crop, x.shape[-2]), max(crop, x.shape[-1])).clone()
        full[..., : x.shape[-2], : x.shape[-1]] = x
        return full

    def score(x: Tensor) -> Tensor:
        logits = [network(x).logits.double()] + ([network(x.flip(-1)).logits.double().flip(-1)] if flip else [])
        return sum(logits).exp() if fusion == "exp_sum" else sum(each.softmax(1) for each in logits) / len(logits)

    total = 0
    for scale in scales:
        long = math.ceil(base * scale)
        size = (long, int(width * long / height + 0.5)) if height > width else (int(height * long / width + 0.5), long)
        scaled = F.interpolate(image, size, mode="bilinear", align_corners=True)
        if long <= crop:
            result = score(pad(scaled))
        else:
            padded = pad(scaled)
            stride = int(crop * 2 / 3)
            result, counts = torch.zeros(1, 5, *padded.shape[-2:], dtype=torch.double), torch.zeros(padded.shape[-2:])
            for top in range(0, stride * (math.ceil((padded.shape[-2] - crop) / stride) + 1), stride):
                for left in range(0, stride * (math.ceil((padded.shape[-1] - crop) / stride) + 1), stride):
                    window = padded[..., top : top + crop, left : left + crop]
                    h, w = window.shape[-2:]
                    result[..., top : top + h, left : left + w] += score(pad(window))[..., :h, :w]
                    counts[top : top + h, left : left + w] += 1
            result = result / counts
        total = total + F.interpolate(
            result[..., : size[0], : size[1]], (height, width), mode="bilinear", align_corners=True
        )
    return total


@pytest.mark.parametrize("fusion", ["exp_sum", "softmax"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("size", [(50, 70), (71, 33), (20, 90)])
def test_equals_a_plain_loop_in_double_precision(size: tuple[int, int], flip: bool, fusion: str) -> None:
    network, image = Peaked(1.0), torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    options = {"scales": (0.51, 1.0, 1.6), "flip": flip, "fusion": fusion}
    ours = protocol(base_size=60, crop_size=40, **options).scores(network, image)
    reference = plain_loop(network, image, base=60, crop=40, **options).log()
    torch.testing.assert_close(ours.double(), reference, atol=2e-3, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_logits_that_overflow_a_float32_exp_keep_their_argmax(dtype: torch.dtype) -> None:
    network, image = Peaked(12.0, dtype), torch.randn(1, 3, 50, 70, generator=torch.Generator().manual_seed(1))
    options = {"scales": (0.5, 1.0, 1.6), "flip": True, "fusion": "exp_sum"}
    reference = plain_loop(network, image, base=60, crop=40, **options)
    assert reference.isfinite().all()
    assert not reference.float().isfinite().all()
    ours = protocol(base_size=60, crop_size=40, **options).scores(network, image)
    assert ours.isfinite().any(1).all()
    assert (ours.argmax(1) == reference.argmax(1)).float().mean() >= 0.999


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_of_windows_changes_nothing(batch: int) -> None:
    network, image = Peaked(1.0), torch.randn(1, 3, 60, 100)
    torch.testing.assert_close(protocol(batch=batch).scores(network, image), protocol().scores(network, image))


@pytest.mark.parametrize("align_corners", [True, False])
def test_resizing_equals_torch(align_corners: bool) -> None:
    values = torch.rand(3, 11, 17) + 0.1
    rows, columns = (Neighbours.between(*axis, align_corners=align_corners) for axis in ((11, 25), (17, 9)))
    resized = ScaledScores(values, torch.zeros(11, 17)).resize(rows, columns)
    reference = F.interpolate(values[None], (25, 9), mode="bilinear", align_corners=align_corners)[0]
    torch.testing.assert_close(resized.log().exp(), reference)


def test_impossible_protocols_are_refused() -> None:
    with pytest.raises(ValueError, match="positive base_size, crop_size, scales and batch"):
        protocol(scales=())


def test_rows_in_flight_are_all_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a tall image's scores is bounded by a row of windows, whatever the image's height."""
    network = Peaked(1.0)
    sliding = protocol(base_size=600, crop_size=24, scales=(1.0, 0.7), flip=False, batch=1)
    kept = []

    def watch(image: ScaledImage, scores: Tensor) -> None:
        add(image, scores)
        kept.append(sum(block.values.shape[1] for block in image._blocks.values()))

    add = ScaledImage.add
    monkeypatch.setattr(ScaledImage, "add", watch)
    sliding.labels(network, torch.randn(1, 3, 900, 60))
    assert len(kept) > 100
    assert max(kept) <= 24 + 16 + 64, "a window, a block and a strip"


@pytest.mark.parametrize("size", [(1, 900), (900, 1), (2, 1700), (1, 1)])
def test_images_never_shrink_to_nothing(size: tuple[int, int]) -> None:
    for scales in ((1.0,), (0.5, 1.75)):
        sliding = protocol(base_size=60, crop_size=40, scales=scales)
        assert sliding.scores(Peaked(1.0), torch.randn(1, 3, *size)).shape == (1, 5, *size)
