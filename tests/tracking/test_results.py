"""What W&B is told at the end, from scores by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import wandb

from fastfcn.metrics import summarise
from fastfcn.tracking import keys
from fastfcn.tracking.results import confusion_chart, log_scores

CLASSES = ("sky", "sea", "sail")
CONFUSION = torch.tensor([[5, 3, 0], [1, 7, 0], [0, 0, 0]])  # truth by prediction; no sail anywhere


@pytest.fixture
def told() -> dict[str, Any]:
    """What a run was told, logged and summarised alike."""
    run = SimpleNamespace(summary={})
    run.log = run.summary.update
    log_scores(run, summarise(CONFUSION), CLASSES, protocol="ss", axes={"epoch": 3, keys.STEP: 7})
    return run.summary


def test_the_confusion_is_of_truth_by_prediction(told: dict[str, Any]) -> None:
    table = told[keys.CONFUSION].table
    assert table.columns == ["Actual", "Predicted", "nPredictions"]
    assert table.data == [["sea", "sea", 7], ["sky", "sky", 5], ["sky", "sea", 3], ["sea", "sky", 1]]


def test_only_the_commonest_pairs_are_kept_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb.Table, "MAX_ROWS", 2)
    assert confusion_chart(summarise(CONFUSION), CLASSES).table.data == [["sea", "sea", 7], ["sky", "sky", 5]]


def test_a_class_that_occurs_nowhere_has_no_iou(told: dict[str, Any]) -> None:
    assert told[keys.CLASS_TABLE].columns == ["class", "IoU"]
    (sky, sea, sail) = told[keys.CLASS_TABLE].data
    assert (sky, sea) == (["sky", pytest.approx(5 / 9)], ["sea", pytest.approx(7 / 11)])
    assert sail == ["sail", None]
    assert (told["iou/sky"], told["iou/sea"]) == (pytest.approx(5 / 9), pytest.approx(7 / 11))
    assert "iou/sail" not in told
    assert told[keys.BEST_MIOU] == pytest.approx((5 / 9 + 7 / 11) / 2)
    assert (told["epoch"], told[keys.STEP]) == (3, 7)
    assert (told[keys.BEST_PIXACC], told[keys.BEST_PROTOCOL]) == (0.75, "ss")
