"""The loss, by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.training.losses import SegmentationLoss, class_presence, pixel_loss, presence_loss


def test_pixel_loss_is_the_mean_over_labelled_pixels() -> None:
    logits = torch.zeros(1, 3, 1, 3)
    logits[0, 0, 0, 0] = 2.0
    masks = torch.tensor([[[0, 1, IGNORE]]])
    expected = (-2 + math.log(math.exp(2) + 2) + math.log(3)) / 2
    assert pixel_loss(logits, masks).item() == pytest.approx(expected, rel=1e-6)


def test_pixel_loss_without_labels_is_zero_with_gradients() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = pixel_loss(logits, torch.full((1, 2, 2), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_presence_ignores_ignored_pixels() -> None:
    masks = torch.tensor([[[0, 2], [2, IGNORE]], [[IGNORE, IGNORE], [IGNORE, IGNORE]]])
    assert class_presence(masks, 4).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_presence_loss_is_the_mean_over_classes_and_images() -> None:
    masks = torch.tensor([[[0, 0]], [[1, 0]]])
    logits = torch.tensor([[3.0, -1.0], [0.5, 2.0]])
    expected = sum(math.log1p(math.exp(-x)) for x in (3.0, 1.0, 0.5, 2.0)) / 4
    assert presence_loss(logits, masks).item() == pytest.approx(expected, rel=1e-6)


def test_the_total_is_the_sum_of_the_named_parts() -> None:
    masks = torch.randint(0, 3, (2, 4, 4))
    prediction = Prediction(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.randn(2, 3))
    losses = SegmentationLoss(aux_weight=0.4, presence_weight=0.2)(prediction, masks)
    named = losses.named()
    assert losses.total.item() == pytest.approx(sum(part.item() for part in named.values()), rel=1e-6)
    assert named["auxiliary"].item() == pytest.approx(0.4 * pixel_loss(prediction.aux, masks).item(), rel=1e-6)
    assert named["presence"].item() == pytest.approx(0.2 * presence_loss(prediction.presence, masks).item(), rel=1e-6)


def test_parts_that_a_network_lacks_are_left_out() -> None:
    losses = SegmentationLoss(aux_weight=0.4, presence_weight=0.2)(
        Prediction(torch.randn(1, 3, 2, 2)), torch.zeros(1, 2, 2, dtype=torch.long)
    )
    assert list(losses.named()) == ["segmentation"]
    assert losses.total == losses.segmentation


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(21, 13), (6, 5)])
def test_upsampled_cross_entropy_equals_resizing_first(align_corners: bool, size: tuple[int, int]) -> None:
    logits = torch.randn(3, 7, 6, 5, dtype=torch.double, requires_grad=True)
    masks = torch.randint(0, 7, (3, *size))
    masks[torch.rand(masks.shape) < 0.3] = IGNORE
    masks[1] = IGNORE
    resized = F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)
    expected = F.cross_entropy(resized, masks, ignore_index=IGNORE)
    loss = pixel_loss(logits, masks, align_corners=align_corners)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    ours, reference = (torch.autograd.grad(3 * each, logits)[0] for each in (loss, expected))
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-7)


def test_upsampled_cross_entropy_keeps_nothing_of_the_masks_size() -> None:
    logits = torch.randn(2, 5, 4, 4, requires_grad=True)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        loss = pixel_loss(logits, torch.randint(0, 5, (2, 32, 32)))
    assert loss.grad_fn is not None
    assert max(kept, default=0) < 5 * 32 * 32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_half_precision_are_computed_in_full(dtype: torch.dtype) -> None:
    """Under autocast logits are of 8 or 11 bits; their exponentials and the sum over pixels must not be."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(0, 5, (2, 32, 32), generator=generator)
    logits = (4 * torch.randn(2, 5, 8, 8, generator=generator)).to(dtype).requires_grad_()
    full = logits.detach().float().requires_grad_()
    loss, reference = pixel_loss(logits, masks), pixel_loss(full, masks)
    assert loss.dtype == torch.float32
    assert loss.item() == reference.item()
    (gradient,), (expected,) = torch.autograd.grad(loss, logits), torch.autograd.grad(reference, full)
    torch.testing.assert_close(gradient.float(), expected, rtol=2**-7, atol=1e-6)
    presence = logits.detach().mean((2, 3))
    assert presence_loss(presence, masks).item() == presence_loss(presence.float(), masks).item()


def test_weights_of_classes_go_where_the_loss_goes() -> None:
    loss = SegmentationLoss(aux_weight=0.4, presence_weight=0.2, class_weights=[1.0, 2.0]).to("meta")
    assert loss.weights is not None
    assert loss.weights.is_meta
