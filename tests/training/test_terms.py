"""Further parts of the loss, by brute force in float64: pixel by pixel, class by class, from the papers' formulas."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.composition import build, plain
from fastfcn.data.dataset import IGNORE
from fastfcn.entry import CONF
from fastfcn.models.features import Prediction
from fastfcn.training.terms.base import LossTerm
from fastfcn.training.terms.focal import Focal
from fastfcn.training.terms.lovasz import Lovasz
from fastfcn.training.terms.overlap import Dice, Tversky
from tests.training.test_cross_entropy import case, resized


def labelled(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (P, C) and truth (P,) of the labelled pixels."""
    known = masks != IGNORE
    return resized(logits, masks).softmax(1).movedim(1, -1)[known], masks[known]


def focal(logits: Tensor, masks: Tensor, gamma: float) -> Tensor:
    probabilities, truth = labelled(logits, masks)
    own = probabilities[torch.arange(len(truth)), truth]
    return -((1 - own) ** gamma * own.log()).mean()


def tversky(logits: Tensor, masks: Tensor, alpha: float, beta: float) -> Tensor:
    probabilities, truth = labelled(logits, masks)
    losses = []
    for c in truth.unique():
        own = truth == c
        hit, false, missed = (
            probabilities[own, c].sum(),
            probabilities[~own, c].sum(),
            (1 - probabilities[own, c]).sum(),
        )
        losses.append(1 - hit / (hit + alpha * false + beta * missed))
    return torch.stack(losses).mean()


def lovasz(logits: Tensor, masks: Tensor) -> Tensor:
    """Sum the errors, the greatest first, by what each adds to the Jaccard loss of the set of those before it."""
    probabilities, truth = labelled(logits, masks)
    losses = []
    for c in truth.unique():
        own = truth == c
        errors = torch.where(own, 1 - probabilities[:, c], probabilities[:, c])
        order, total, before = errors.argsort(descending=True).tolist(), torch.zeros((), dtype=torch.double), 0.0
        for count in range(1, len(order) + 1):
            wrong = torch.zeros(len(order), dtype=torch.bool)
            wrong[order[:count]] = True
            jaccard = 1 - (own & ~wrong).sum().item() / (own | wrong).sum().item()
            total = total + errors[order[count - 1]] * (jaccard - before)
            before = jaccard
        losses.append(total)
    return torch.stack(losses).mean()


CASES = {
    "focal": (Focal(), lambda *x: focal(*x, 2.0)),
    "focal without fading": (Focal(gamma=0.0), lambda *x: focal(*x, 0.0)),
    "focal of a root": (Focal(gamma=0.5), lambda *x: focal(*x, 0.5)),
    "dice": (Dice(), lambda *x: tversky(*x, 0.5, 0.5)),
    "tversky": (Tversky(), lambda *x: tversky(*x, 0.3, 0.7)),
    "lovasz": (Lovasz(), lovasz),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [(9, 7), (6, 5)])
def test_terms_are_their_formulas(name: str, size: tuple[int, int]) -> None:
    """Of 7 classes 2 occur nowhere, and 1 in one image alone; the second image has no labelled pixel."""
    term, formula = CASES[name]
    logits, masks = case(classes=7, size=size)
    masks[(masks == 2) | (masks == 5)] = 3
    masks[0][masks[0] == 6] = 0
    loss, reference = term(logits, masks), formula(logits, masks)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    ours, expected = (torch.autograd.grad(each, logits)[0] for each in (loss, reference))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-7)
    term.weight, before = 3.0, term.weight
    assert term(logits, masks).item() == pytest.approx(3 * reference.item(), rel=1e-5)
    term.weight = before


@pytest.mark.parametrize("name", CASES)
def test_ignored_pixels_have_neither_value_nor_gradient(name: str) -> None:
    term, _ = CASES[name]
    logits, masks = case(size=(6, 5))
    ignored = (masks == IGNORE)[:, None].expand_as(logits)
    changed = torch.where(ignored, 50 * torch.randn_like(logits), logits)
    assert term(logits, masks).item() == term(changed, masks).item()
    (gradient,) = torch.autograd.grad(term(logits, masks), logits)
    assert (gradient[ignored] == 0).all()
    assert (gradient[~ignored] != 0).any()


@pytest.mark.parametrize("name", CASES)
def test_without_labels_terms_are_zero(name: str) -> None:
    logits, masks = case()
    loss = CASES[name][0](logits, torch.full_like(masks, IGNORE))
    assert loss.item() == 0
    assert (torch.autograd.grad(65536 * loss, logits)[0] == 0).all()


def test_without_labels_no_gradient_of_a_term_is_anything_but_zero() -> None:
    class Steep(LossTerm):
        def measure(self, logits: Tensor, masks: Tensor) -> Tensor:
            return (logits - logits.detach()).sqrt().sum()  # whose gradient is infinite

    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    Steep()(logits, torch.full((2, 8, 8), IGNORE)).backward()
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", CASES)
def test_terms_of_what_is_known_for_sure_are_finite(name: str) -> None:
    _, masks = case(size=(6, 5))
    sure = 1e4 * F.one_hot(torch.where(masks == IGNORE, 0, masks), 4).movedim(-1, 1).float()
    for logits in (sure.requires_grad_(), (-sure).detach().requires_grad_()):
        loss = CASES[name][0](logits, masks)
        assert loss.isfinite()
        assert torch.autograd.grad(loss, logits)[0].isfinite().all()
    assert CASES[name][0](sure, masks).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CASES)
def test_terms_of_half_precision_are_computed_in_full(name: str, dtype: torch.dtype) -> None:
    exact, masks = case()
    half = exact.detach().to(dtype).requires_grad_()
    full = half.detach().float()
    with torch.autocast("cpu", dtype):
        loss = CASES[name][0](half, masks)
    assert loss.dtype == torch.float32
    assert loss.item() == CASES[name][0](full, masks).item()


class Mistake(LossTerm):
    """A term of one's own."""

    def measure(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Count what is not the truth."""
        return (logits.argmax(1) != masks).float().mean() + 0 * logits.sum()


def test_every_term_composes_and_is_added_by_its_weight(composed) -> None:
    names = sorted(path.stem for path in (CONF / "loss/terms").glob("*.yaml"))
    own = f"+loss.terms.mistake={{_target_: {__name__}.Mistake, weight: 3.0}}"
    weights = ("loss.terms.lovasz.weight=0.5", "loss.segmentation_weight=0.0")
    loss = build(plain(composed(f"loss/terms=[{','.join(names)}]", *weights, own).loss), "loss")
    logits, masks = case()
    losses = loss(Prediction(logits), masks)
    named = losses.named()
    assert list(named) == ["segmentation", *names, "mistake"]
    assert named["segmentation"] == 0
    assert named["lovasz"].item() == pytest.approx(0.5 * lovasz(logits, masks).item(), rel=1e-5)
    assert losses.total.item() == pytest.approx(sum(part.item() for part in named.values()), rel=1e-6)


def node(**options: Any) -> dict[str, Any]:
    target = "fastfcn.training.losses.SegmentationLoss"
    return {"_target_": target, "aux_weight": 0.4, "presence_weight": 0.2, **options}


DICE = {"_target_": "fastfcn.training.terms.overlap.Dice"}
SMP = {"_target_": "segmentation_models_pytorch.losses.DiceLoss", "mode": "multiclass"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": {"dice": {**DICE, "wight": 2}}}, r"loss\.terms\.dice\.wight is not an option; did you mean weight"),
        ({"terms": {"dice": {**DICE, "weight": -1}}}, r"loss\.terms\.dice\.weight must be 0 or more"),
        ({"terms": {"dice": 0.5}}, r"loss\.terms\.dice=0\.5 does not fit: it is a part of its own"),
        ({"terms": {"dice": SMP}}, r"loss\.terms\.dice takes no DiceLoss"),
        ({"terms": {"presence": DICE}}, r"loss\.terms\.presence has the name of another part"),
        ({"terms": ["dice"]}, r"loss\.terms=\[\"dice\"\] does not fit"),
        ({"ohem_threshold": 0}, r"loss\.ohem_threshold must be more than 0, and at most 1"),
        ({"label_smoothing": 1}, r"loss\.label_smoothing must be 0 or more, and less than 1"),
        ({"segmentation_weight": -1}, r"loss\.segmentation_weight must be 0 or more"),
    ],
)
def test_terms_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(node(**options), "loss")


def test_lovasz_of_every_second_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, masks = torch.randn(2, 4, 8, 8, generator=generator), torch.randint(4, (2, 8, 8), generator=generator)
    expected = lovasz(logits[..., ::2, ::2].double(), masks[..., ::2, ::2])
    assert Lovasz(stride=2)(logits, masks).item() == pytest.approx(expected.item(), rel=1e-5)


def test_lovasz_where_it_reads_no_labelled_pixel() -> None:
    logits, masks = torch.zeros(1, 4, 8, 8, requires_grad=True), torch.full((1, 8, 8), IGNORE)
    masks[0, 1, 1] = 3
    term = Lovasz(stride=2)(logits, masks)
    term.backward()
    assert term.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
