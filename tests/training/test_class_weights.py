"""Weights of classes: PyTorch's mean, ENet's numbers by hand, kept with the run."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fastfcn.checkpoints import Checkpoint, read_checkpoint
from fastfcn.data.dataset import IGNORE
from fastfcn.data.shapes import Shapes, ShapesSplit
from fastfcn.description import Description
from fastfcn.models.features import Prediction
from fastfcn.training.class_weights import balanced, build_loss, inverse_logarithms
from fastfcn.training.losses import SegmentationLoss, pixel_loss
from fastfcn.training.resume import require_same_run
from tests.conftest import TINY_RUN, call_train
from tests.training.test_repeatability import column

LOSS = {"_target_": "fastfcn.training.losses.SegmentationLoss", "aux_weight": 0.4, "presence_weight": 0.2}


@pytest.mark.parametrize("size", [(21, 13), (6, 5)])
def test_the_mean_by_weight_is_pytorchs(size: tuple[int, int]) -> None:
    logits = torch.randn(3, 4, 6, 5, dtype=torch.double, requires_grad=True)
    masks = torch.randint(0, 4, (3, *size))
    masks[torch.rand(masks.shape) < 0.3] = IGNORE
    masks[1] = IGNORE
    weights = torch.tensor([0.5, 7.0, 0.0, 1.25])
    resized = F.interpolate(logits, size, mode="bilinear", align_corners=True)
    expected = F.cross_entropy(resized, masks, weights.double(), ignore_index=IGNORE)
    loss = pixel_loss(logits, masks, weights=weights)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    ours, reference = (torch.autograd.grad(3 * each, logits)[0] for each in (loss, expected))
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-7)


def test_pixels_of_no_weight_alone_are_no_loss() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = pixel_loss(logits, torch.full((1, 2, 2), 1), weights=torch.tensor([1.0, 0.0, 2.0]))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_both_cross_entropies_have_the_weights() -> None:
    weights, masks = [1.0, 3.0, 0.5], torch.randint(0, 3, (2, 4, 4))
    prediction = Prediction(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4))
    losses = SegmentationLoss(aux_weight=0.4, presence_weight=0.2, class_weights=weights)(prediction, masks)
    for part, logits, share in ((losses.segmentation, prediction.logits, 1), (losses.auxiliary, prediction.aux, 0.4)):
        expected = share * F.cross_entropy(logits, masks, torch.tensor(weights))
        assert part.item() == pytest.approx(expected.item(), rel=1e-6)


def test_weights_are_enets_and_bounded() -> None:
    weights = inverse_logarithms(np.array([970, 30, 0]))
    assert weights == [round(1 / math.log(1.99), 4), round(1 / math.log(1.05), 4), round(1 / math.log(1.02), 4)]
    assert inverse_logarithms(np.array([10**12, 0])) == [1.4223, 50.4983]


def test_training_masks_alone_are_counted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    data = Shapes(size=32, train_images=3)

    def masks(split: ShapesSplit, index: int) -> np.ndarray:
        assert split.name == "train"
        mask = np.full((10, 10), 1, np.uint8)
        mask[:index] = 0
        mask[5:] = IGNORE
        return mask

    monkeypatch.setattr(ShapesSplit, "mask", masks)
    weights = balanced(data)
    assert weights[:2] == inverse_logarithms(np.array([30, 120]))
    assert weights[2] == 50.4983
    absent = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(absent) == 1
    assert "no mask of split 'train' holds hedge, sea, tent" in absent[0]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], "loss.class_weights has 2 weights for the 12 classes of data=shapes: give one each.*or balanced"),
        ([0.0] * 12, "loss.class_weights must have a weight above 0"),
        ([-1.0] * 12, "loss.class_weights must be balanced, or a list of numbers of 0 or more, one a class, got"),
        ("rare", "loss.class_weights must be balanced, or a list .*, got rare"),
        ([], "loss.class_weights must be balanced, or a list"),
        (["1"] * 12, "loss.class_weights must be balanced, or a list"),
    ],
)
def test_weights_that_do_not_fit(weights: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_loss({**LOSS, "class_weights": weights}, Shapes())


def test_where_nothing_can_be_counted_balanced_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss\.class_weights=balanced needs training masks"):
        SegmentationLoss(aux_weight=0.4, presence_weight=0.2, class_weights="balanced")


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A run of one epoch with balanced weights, the hardest pixels and Dice."""
    run_dir = tmp_path_factory.mktemp("weighted")
    options = ("loss.class_weights=balanced", "loss.ohem_threshold=0.7", "loss/terms=dice")
    call_train(*TINY_RUN, "recipe.epochs=1", *options, f"hydra.run.dir={run_dir}")
    return read_checkpoint(run_dir / "checkpoints" / "last.ckpt")


def test_counted_weights_are_kept_and_not_counted_again(weighted: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = weighted.description
    assert kept.loss["class_weights"] == "balanced"
    assert kept.run["class_weights"] == balanced(Shapes(size=64, train_images=16))
    monkeypatch.setattr(ShapesSplit, "mask", None)  # counting would call it
    assert build_loss(kept.loss, Shapes(), weighted).class_weights == kept.run["class_weights"]


def test_the_run_tells_its_weights_and_parts(weighted: Checkpoint) -> None:
    run_dir = weighted.path.parents[1]
    result = json.loads((run_dir / "result.json").read_text())
    kept = weighted.description
    assert result["class_weights"] == dict(zip(kept.classes, kept.run["class_weights"], strict=True))
    assert kept.loss["terms"]["dice"]["weight"] == 1.0
    parts = {name: column(run_dir, f"train/loss{name}") for name in ("", "_segmentation", "_presence", "_dice")}
    assert all(len(values) == 4 and min(values) > 0 for values in parts.values())


def test_another_loss_is_another_run(weighted: Checkpoint) -> None:
    kept = weighted.description
    require_same_run(weighted, kept)
    with pytest.raises(ValueError, match=r"was trained with loss.class_weights=balanced, now it is None"):
        require_same_run(weighted, replace(kept, loss={**kept.loss, "class_weights": None}))
    with pytest.raises(ValueError, match=r"was trained with loss.aux_weight=0.2, now it is 0.1"):
        require_same_run(weighted, replace(kept, loss={**kept.loss, "aux_weight": 0.1}))
    with pytest.raises(ValueError, match=r"was trained with loss.terms.dice._target_=fast.*, now it is None"):
        require_same_run(weighted, replace(kept, loss={**kept.loss, "terms": {}}))


def test_an_older_checkpoint_does_not_tell_its_loss(trained: Path) -> None:
    now = read_checkpoint(trained / "checkpoints" / "last.ckpt")
    content = now.description.to_dict()
    del content["loss"]
    former = replace(now, description=Description.from_dict(content))
    assert former.description.loss == {}
    require_same_run(former, now.description)
