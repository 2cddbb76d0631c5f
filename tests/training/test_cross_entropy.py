"""The cross-entropy's options against PyTorch's, and its precision against float64."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.benchmarking.reference import PlainLoss
from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.training.hard_pixels import hard_pixels
from fastfcn.training.losses import SegmentationLoss, pixel_loss, presence_loss

WEIGHTS = torch.tensor([0.5, 7.0, 0.0, 1.25])


def case(seed: int = 0, *, classes: int = 4, size: tuple[int, int] = (21, 13)) -> tuple[Tensor, Tensor]:
    """Logits (3, C, 6, 5) in float64, and masks of which a third is ignored, and the second wholly."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(3, classes, 6, 5, dtype=torch.double, generator=generator)
    masks = torch.randint(0, classes, (3, *size), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < 0.3] = IGNORE
    masks[1] = IGNORE
    return logits.requires_grad_(), masks


def resized(logits: Tensor, masks: Tensor) -> Tensor:
    return F.interpolate(logits, masks.shape[1:], mode="bilinear", align_corners=True)


def assert_same(loss: Tensor, reference: Tensor, logits: Tensor) -> None:
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    ours, expected = (torch.autograd.grad(3 * each, logits)[0] for each in (loss, reference))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("size", [(21, 13), (6, 5)])
def test_label_smoothing_is_pytorchs(weights: Tensor | None, size: tuple[int, int]) -> None:
    logits, masks = case(size=size)
    reference = F.cross_entropy(
        resized(logits, masks),
        masks,
        None if weights is None else weights.double(),
        ignore_index=IGNORE,
        label_smoothing=0.2,
    )
    assert_same(pixel_loss(logits, masks, weights=weights, smoothing=0.2), reference, logits)


def hardest(logits: Tensor, masks: Tensor, threshold: float, kept: int) -> list[tuple[int, int, int]]:
    """Sort the labelled pixels of a batch by the probability of their truth; the places of those to keep."""
    probabilities = resized(logits, masks).softmax(1)
    places = [place for place in itertools.product(*map(range, masks.shape)) if masks[place] != IGNORE]
    by_place = {(b, y, x): probabilities[b, masks[b, y, x], y, x].item() for b, y, x in places}
    ordered = sorted(by_place, key=by_place.__getitem__)
    return ordered[: max(kept, sum(value < threshold for value in by_place.values()))]


@pytest.mark.parametrize(
    ("threshold", "share"), [(0.3, 0.0), (1e-9, 0.1), (0.3, 0.5), (1e-9, 0.0), (0.5, 0.999)]
)  # by threshold, by number, more than fits the threshold, none, more than are labelled
def test_the_hardest_pixels_of_a_batch_are_kept(threshold: float, share: float) -> None:
    logits, masks = case()
    kept = hardest(logits, masks, threshold, int(share * masks.numel()))
    expected = torch.full_like(masks, IGNORE)
    for place in kept:
        expected[place] = masks[place]
    found = hard_pixels(logits, masks, threshold=threshold, min_kept=share, align_corners=True)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", [SegmentationLoss, PlainLoss])
def test_weights_smoothing_and_the_hardest_pixels_together(kind: type[SegmentationLoss]) -> None:
    """Pixels are chosen by probability alone; weights, smoothing and the mean are those of the ones that are left."""
    logits, masks = case()
    loss = kind(
        aux_weight=0.5, presence_weight=0.2, segmentation_weight=2.0, class_weights=WEIGHTS.tolist(),
        label_smoothing=0.1, ohem_threshold=0.3, ohem_min_kept=0.2,
    )  # fmt: skip
    left = torch.full_like(masks, IGNORE)
    for place in hardest(logits, masks, 0.3, int(0.2 * masks.numel())):
        left[place] = masks[place]
    assert 0 < (left != IGNORE).sum() < (masks != IGNORE).sum()
    full = resized(logits, masks)
    mean = F.cross_entropy(full, left, WEIGHTS.double(), ignore_index=IGNORE, label_smoothing=0.1)
    given = logits if kind is SegmentationLoss else full.float()
    losses = loss(Prediction(given, given), masks)
    assert losses.segmentation.item() == pytest.approx(2 * mean.item(), rel=1e-5)
    assert losses.auxiliary.item() == pytest.approx(0.5 * mean.item(), rel=1e-5)
    assert_same(losses.total, 2.5 * mean, logits)


def test_without_labels_every_option_gives_zero() -> None:
    logits, masks = case()
    loss = SegmentationLoss(
        aux_weight=0.0, presence_weight=0.2, class_weights=WEIGHTS.tolist(), label_smoothing=0.1, ohem_threshold=0.7
    )
    total = loss(Prediction(logits), torch.full_like(masks, IGNORE)).total
    assert total.item() == 0
    assert (torch.autograd.grad(total, logits)[0] == 0).all()


HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])


@HALF
@pytest.mark.parametrize("labelled", [1, 2, 4096])
@pytest.mark.parametrize("options", [{}, {"weights": torch.tensor([50.0, 1.5, 30.0, 2.0, 9.0]), "smoothing": 0.1}])
def test_the_scaled_gradient_of_half_precision_is_that_of_float64(
    labelled: int, options: dict, dtype: torch.dtype
) -> None:
    """As GradScaler begins, at 65536, also where that times a pixel's gradient is close to what fp16 holds."""
    generator = torch.Generator().manual_seed(labelled)
    half = (2 * torch.randn(1, 5, 8, 8, generator=generator)).to(dtype).requires_grad_()
    masks = torch.full((1, 64, 64), IGNORE)
    masks.flatten()[torch.randperm(4096, generator=generator)[:labelled]] = 3
    exact = half.detach().double().requires_grad_()
    weights = options.get("weights")
    reference = F.cross_entropy(
        resized(exact, masks),
        masks,
        None if weights is None else weights.double(),
        ignore_index=IGNORE,
        label_smoothing=options.get("smoothing", 0.0),
    )
    loss = pixel_loss(half, masks, **options)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    (gradient,), (expected,) = torch.autograd.grad(65536 * loss, half), torch.autograd.grad(65536 * reference, exact)
    assert gradient.isfinite().all()
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(gradient.double(), expected, rtol=step, atol=step * expected.abs().max().item() * 1e-2)


def test_what_float16_would_lose_of_a_gradient_is_scaled_before_it_is_cast() -> None:
    logits = torch.tensor([0.0, -18.0], dtype=torch.half).view(1, 2, 1, 1).requires_grad_()
    (65536 * pixel_loss(logits, torch.zeros(1, 1, 1, dtype=torch.long))).backward()
    assert logits.grad.flatten()[1].item() == pytest.approx(65536 * math.exp(-18), rel=1e-3)


@HALF
def test_presence_is_compared_in_float32_under_autocast(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(0, 5, (2, 8, 8), generator=generator)
    exact = (8 * torch.randn(2, 5, generator=generator)).to(dtype).double().requires_grad_()
    half = exact.detach().to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype):
        loss = presence_loss(half, masks)
    assert loss.dtype == torch.float32
    truth = torch.stack([torch.tensor([float((mask == c).any()) for c in range(5)]) for mask in masks]).double()
    reference = -(truth * F.logsigmoid(exact) + (1 - truth) * F.logsigmoid(-exact)).mean()
    assert loss.item() == pytest.approx(reference.item(), rel=1e-6)
    (gradient,), (expected,) = torch.autograd.grad(65536 * loss, half), torch.autograd.grad(65536 * reference, exact)
    torch.testing.assert_close(gradient.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-2)
