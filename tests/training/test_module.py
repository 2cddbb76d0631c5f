"""What the LightningModule adds to network, loss and recipe."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from fastfcn import load_network
from fastfcn.data.augmentation import to_sample
from fastfcn.data.dataset import Sample
from fastfcn.data.loading import EvaluationSamples
from fastfcn.data.sampling import EvaluationShare
from fastfcn.data.shapes import Shapes
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.finiteness import NonFiniteLossError
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.module import SegmentationModule
from tests.training.test_recipe import recipe


def module_of(network: Segmenter, *, seed: int = 0) -> SegmentationModule:
    loss = SegmentationLoss(aux_weight=0.2, presence_weight=0.2)
    return SegmentationModule(network, loss, recipe(), num_classes=12, seed=seed, description={})


def test_every_epoch_is_scored_by_itself(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of(load_network(trained / "checkpoints" / "best.ckpt"))
    module._trainer = SimpleNamespace(sanity_checking=False, state=SimpleNamespace(fn=None))
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    for label in (3, 4):
        module.scores.update(torch.full((1, 2, 2), label), torch.full((1, 2, 2), 3))
        module.on_validation_epoch_end()
        assert module.last_scores.confusion.sum() == 4
    assert module.last_scores.pixacc == 0


def test_dropout_follows_from_seed_epoch_batch_and_rank(trained: Path) -> None:
    network = load_network(trained / "checkpoints" / "best.ckpt")
    seeds = set()
    for seed, epoch, batch, rank in itertools.product((0, 1), repeat=4):
        module = module_of(network, seed=seed)
        module._trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
        module.on_train_batch_start(None, batch)
        seeds.add(torch.initial_seed())
    assert len(seeds) == 16


@pytest.mark.parametrize("align_corners", [True, False])
def test_the_loss_aligns_corners_as_the_network_does(
    align_corners: bool, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = load_network(trained / "checkpoints" / "best.ckpt")
    network.align_corners = align_corners
    module = module_of(network)
    monkeypatch.setattr(module, "_report", lambda *_: None)
    example = to_sample(Shapes(size=64, val_images=1).split("val")[0])
    batch = Sample(example.image[None], example.mask[None].long())
    with torch.no_grad():
        full = module.loss(network(batch.image), batch.mask)
        assert module.training_step(batch, 0).item() == pytest.approx(full.total.item(), rel=1e-5)


def test_weights_that_are_not_finite_are_never_saved(trained: Path) -> None:
    network = load_network(trained / "checkpoints" / "best.ckpt")
    module = module_of(network)
    module._trainer = SimpleNamespace(precision_plugin=None, global_step=7)
    module.on_save_checkpoint({})
    for tensor in (network.head.context.gate.bias, network.head.context.norm.running_var):
        with torch.no_grad():
            before, tensor[3] = tensor[3].item(), float("inf")
        with pytest.raises(
            NonFiniteLossError, match=r"head.context.(gate.bias|norm.running_var) is not finite after step 7"
        ):
            module.on_save_checkpoint({})
        with torch.no_grad():
            tensor[3] = before


def test_a_process_without_images_adds_nothing_to_the_validation(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, one image: the second has a placeholder, and the joined loss is the first one's."""
    network = load_network(trained / "checkpoints" / "best.ckpt")
    samples = EvaluationSamples(Shapes(size=64, val_images=1).split("val"), to_sample)
    modules = []
    for rank in (0, 1):
        module = module_of(network)
        loader = DataLoader(samples, sampler=EvaluationShare(1, rank=rank, world_size=2))
        module._trainer = SimpleNamespace(global_rank=rank, val_dataloaders=loader, state=SimpleNamespace(fn=None))
        monkeypatch.setattr(module, "log", lambda *_, **__: None)
        with torch.no_grad():
            for index, batch in enumerate(loader):
                module.validation_step(Sample(batch.image, batch.mask.long()), index)
        modules.append(module)
    first, second = modules
    assert first.scores.confmat.sum() == 64 * 64
    assert second.scores.confmat.sum() == 0
    assert (first.val_loss.weight, second.val_loss.weight) == (1, 0)
    assert second.val_loss.mean_value == 0
