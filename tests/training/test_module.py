"""What the LightningModule adds to network, loss and recipe."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from fastfcn import load_network
from fastfcn.data.augmentation import to_sample
from fastfcn.data.dataset import Sample
from fastfcn.data.loading import EvaluationSamples, normalise
from fastfcn.data.sampling import EvaluationShare
from fastfcn.data.shapes import Shapes
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.module import NonFiniteLossError, SegmentationModule
from tests.training.test_recipe import recipe


def test_weights_that_are_not_finite_are_never_saved(trained: Path) -> None:
    network = load_network(trained / "checkpoints" / "best.ckpt")
    loss = SegmentationLoss(aux_weight=0.2, presence_weight=0.2)
    module = SegmentationModule(network, loss, recipe(), num_classes=12, seed=0, description={})
    module.on_save_checkpoint({})
    with torch.no_grad():
        network.head.context.gate.bias[3] = float("inf")
    with pytest.raises(NonFiniteLossError, match=r"head.context.gate.bias is not finite after step 0"):
        module.on_save_checkpoint({})


def test_a_process_without_images_adds_nothing_to_the_validation(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, one image: the second has a placeholder, and the joined loss is the first one's."""
    network = load_network(trained / "checkpoints" / "best.ckpt")
    loss = SegmentationLoss(aux_weight=0.2, presence_weight=0.2)
    samples = EvaluationSamples(Shapes(size=64, val_images=1).split("val"), to_sample)
    modules = []
    for rank in (0, 1):
        module = SegmentationModule(network, loss, recipe(), num_classes=12, seed=0, description={})
        loader = DataLoader(samples, sampler=EvaluationShare(1, rank=rank, world_size=2))
        module._trainer = SimpleNamespace(global_rank=rank, val_dataloaders=loader, state=SimpleNamespace(fn=None))
        monkeypatch.setattr(module, "log", lambda *_, **__: None)
        with torch.no_grad():
            for index, batch in enumerate(loader):
                module.validation_step(Sample(normalise(batch.image), batch.mask.long()), index)
        modules.append(module)
    first, second = modules
    assert first.scores.confmat.sum() == 64 * 64
    assert second.scores.confmat.sum() == 0
    assert (first.val_loss.weight, second.val_loss.weight) == (1, 0)
    assert second.val_loss.mean_value == 0
