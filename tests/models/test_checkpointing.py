"""Checkpointed backbones against plain ones."""

import copy

import pytest
import torch
from torch import nn

from fastfcn.models.backbone import Backbone


def gradients_and_state(backbone: Backbone) -> list[torch.Tensor]:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    features = backbone(images)
    sum((each**2).mean() for each in (features.c2, features.c3, features.c4, features.c5)).backward()
    gradients = [parameter.grad for parameter in backbone.parameters() if parameter.grad is not None]
    return [*gradients, *backbone.state_dict().values()]


def kept_bytes(backbone: nn.Module) -> int:
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.update({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()}) or x, lambda x: x
    ):
        backbone(torch.randn(2, 3, 64, 64))
    weights = {each.untyped_storage().data_ptr() for each in backbone.parameters()}
    return sum(size for pointer, size in kept.items() if pointer not in weights)


@pytest.mark.parametrize(
    "name", ["tu-resnet18", "resnet18", "efficientnet-b0", "mit_b0", "tu-convnext_atto", "tu-test_vit"]
)
def test_equals_the_plain_backbone_with_gradients_and_statistics(name: str) -> None:
    plain = Backbone(name).train()
    checkpointed = copy.deepcopy(plain)
    checkpointed.checkpoint_activations()
    for ours, reference in zip(gradients_and_state(checkpointed), gradients_and_state(plain), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["tu-resnet18", "tu-test_vit"])
def test_keeps_less(name: str) -> None:
    plain = Backbone(name).train()
    checkpointed = copy.deepcopy(plain)
    checkpointed.checkpoint_activations()
    assert kept_bytes(checkpointed.encoder) < 0.5 * kept_bytes(plain.encoder)
