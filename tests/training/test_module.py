"""What the LightningModule adds to network, loss and recipe."""

from pathlib import Path

import pytest
import torch

from fastfcn import load_network
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
