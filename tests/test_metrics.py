"""One definition of pixAcc and mIoU, checked against counting and against the authors' function."""

import json

import numpy as np
import pytest
import torch

from fastfcn.data.dataset import IGNORE
from fastfcn.metrics import SegmentationScores, class_iou, summarise
from tests.golden.generated import GOLDEN


def count(prediction: np.ndarray, truth: np.ndarray, classes: int) -> tuple[float, list[float]]:
    """Brute force, pixel by pixel."""
    pairs = [(p, t) for p, t in zip(prediction.ravel(), truth.ravel(), strict=True) if t != IGNORE]
    ious = []
    for c in range(classes):
        intersection = sum(p == t == c for p, t in pairs)
        union = sum(c in (p, t) for p, t in pairs)
        ious.append(intersection / union if union else float("nan"))
    return sum(p == t for p, t in pairs) / len(pairs), ious


@pytest.mark.parametrize("seed", range(5))
def test_equals_counting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = SegmentationScores(7)
    predictions = rng.integers(0, 5, (3, 2, 9, 11))  # classes 5 and 6 occur nowhere
    truths = rng.choice([0, 1, 2, 3, IGNORE], (3, 2, 9, 11))
    for prediction, truth in zip(predictions, truths, strict=True):
        scores.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    pixacc, ious = count(predictions, truths, 7)
    result = scores.scores()
    np.testing.assert_allclose(result.iou.numpy(), ious, rtol=1e-9)
    assert result.pixacc == pytest.approx(pixacc, rel=1e-9)
    assert result.miou == pytest.approx(np.nanmean(ious), rel=1e-9)
    assert result.absent == 2


def test_worked_by_hand() -> None:
    #            predicted 0  1   truth
    confusion = torch.tensor([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    result = summarise(confusion)
    assert result.pixacc == pytest.approx(7 / 10)
    assert result.iou[:2].tolist() == pytest.approx([3 / 6, 4 / 7])
    assert result.miou == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert summarise(confusion, absent="zero").miou == pytest.approx((3 / 6 + 4 / 7) / 3)
    assert result.majority_miou == pytest.approx(6 / 10 / 2)
    assert class_iou(confusion.double())[2].isnan()


def test_equals_the_authors_metric() -> None:
    golden = json.loads((GOLDEN / "fastfcn" / "metric.json").read_text())
    rng = np.random.Generator(np.random.PCG64(11))
    scores = SegmentationScores(59, absent="zero")
    for _ in range(3):
        logits = rng.standard_normal((2, 59, 40, 56)).astype(np.float32)
        target = rng.integers(-1, 59, (2, 40, 56))
        favoured = np.maximum(target, 0)[:, None]
        np.put_along_axis(logits, favoured, np.take_along_axis(logits, favoured, 1) + np.float32(2.5), 1)
        truth = torch.from_numpy(np.where(target < 0, IGNORE, target))
        scores.update(torch.from_numpy(logits).argmax(1), truth)
    result = scores.scores()
    assert result.pixacc == pytest.approx(golden["pixAcc"], abs=1e-9)
    assert result.miou == pytest.approx(golden["mIoU"], abs=1e-9)


def test_no_labelled_pixel_at_all() -> None:
    scores = SegmentationScores(3)
    scores.update(torch.zeros(1, 2, 2, dtype=torch.long), torch.full((1, 2, 2), IGNORE))
    result = scores.scores()
    assert (result.pixacc, result.miou, result.absent) == (0.0, 0.0, 3)


def test_unknown_treatment_of_absent_classes() -> None:
    with pytest.raises(ValueError, match="absent must be skip or zero, got drop"):
        SegmentationScores(3, absent="drop")
