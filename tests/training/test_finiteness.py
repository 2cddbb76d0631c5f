"""Losses that are not finite: noticed later, named rightly, and forgiven where a gradient scaler skips the step."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from fastfcn.training import train
from fastfcn.training.config import read_config
from fastfcn.training.finiteness import LossWatch, NonFiniteLossError
from fastfcn.training.losses import SegmentationLoss
from tests.conftest import TINY_RUN

NAN, INF = float("nan"), float("inf")


def note(watch: LossWatch, *losses: float, start: int = 0) -> None:
    for step, loss in enumerate(losses, start):
        watch.note(step, 1, torch.tensor(loss, requires_grad=True))


def test_the_first_is_named_however_late_one_looks() -> None:
    watch = LossWatch()
    note(watch, 1.0, 2.0)
    watch.look(torch.clone)
    note(watch, 1.0, INF, NAN, 2.0, start=2)
    with pytest.raises(NonFiniteLossError, match=r"the loss is inf at step 3 \(epoch 1\); begin again"):
        watch.look(torch.clone)


def test_a_loss_of_any_process_is_one_of_all() -> None:
    watch = LossWatch()
    note(watch, 1.0, 2.0)
    with pytest.raises(NonFiniteLossError, match="the loss is nan at step 1"):
        watch.look(lambda mine: (mine + torch.tensor([1.0, NAN])) / 2)


def test_a_few_in_a_row_may_be_tolerated_and_no_more() -> None:
    watch = LossWatch()
    note(watch, NAN, NAN, 1.0, NAN)
    watch.look(torch.clone, tolerated=2)
    note(watch, NAN, start=4)
    watch.look(torch.clone, tolerated=2)
    note(watch, INF, start=5)
    with pytest.raises(NonFiniteLossError, match="the loss is nan at step 3"):
        watch.look(torch.clone, tolerated=2)


def test_a_gradient_scaler_skips_what_is_not_finite_and_the_run_goes_on(
    composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float16 with torch's scaler for CPUs: gradients overflow at first, then a loss is infinite."""
    small = ("model=encnet_jpu", "suggested.width=16", "augmentation.crop_size=32", "recipe.workers=0",
             "recipe.epochs=1", "data.train_images=10", "recipe.batch_size=2")  # fmt: skip
    settings = read_config(composed(*TINY_RUN, *small))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, backoff_factor=2.0**-16)
    build, forward = train.build, SegmentationLoss.forward
    norms: list[float] = []

    def in_float16(node: Any, path: str, **arguments: Any) -> Any:
        if path == "trainer":
            node = {name: value for name, value in node.items() if name != "precision"}
            arguments["plugins"] = [*arguments["plugins"], MixedPrecision("16-mixed", "cpu", scaler)]
        return build(node, path, **arguments)

    def spoiled(self: SegmentationLoss, *arguments: Any, **options: Any) -> Any:
        losses = forward(self, *arguments, **options)
        norms.append(float(weight.detach().norm()))
        return replace(losses, total=losses.total * INF) if len(norms) == 4 else losses

    monkeypatch.setattr(train, "build", in_float16)
    monkeypatch.setattr(SegmentationLoss, "forward", spoiled)
    parts = train.build_parts(settings, tmp_path)
    weight = parts.module.network.head.reduce[0].weight
    parts.trainer.limit_val_batches = 0
    parts.trainer.fit(parts.module, datamodule=parts.loaders)
    before, overflown, _, learned, skipped = norms
    assert before == overflown
    assert before != learned == skipped
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 5
