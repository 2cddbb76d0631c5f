"""Synchronised BatchNorm computes what the layers it stands for compute."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.testing._internal.distributed.fake_pg import FakeStore

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.backbone import Backbone, build_encoder
from fastfcn.models.folding import fold_batch_norm
from fastfcn.training import synchronisation, train
from fastfcn.training.config import read_config
from fastfcn.training.synchronisation import SynchronisedBatchNorm
from tests.conftest import TINY_MODEL, TINY_RUN
from tests.models.families import FAMILIES

SMALL = (  # SMP's own layers, timm's with an activation in them, timm's frozen ones, and a network without BatchNorm
    "tu-test_resnet", "tu-test_efficientnet", "tu-test_byobnet", "tu-lcnet_035", "tu-regnety_002", "mobilenet_v2",
    "efficientnet-b0", "tu-test_convnext",
)  # fmt: skip


def trained(module: nn.Module) -> nn.Module:
    """Give every BatchNorm statistics and weights of its own, as training would."""
    generator = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(norm.bias, 0, 0.1, generator=generator)
    return module


def largest_change(backbone: Backbone) -> float:
    """Convert a backbone and back; return the largest change of any of its maps, relative to the map's largest."""
    trained(backbone).eval()
    names, layers = list(backbone.state_dict()), dict(backbone.named_modules())
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    sync = SynchronisedBatchNorm()
    with torch.no_grad():
        before = maps(backbone, images)
        sync.apply(backbone)
        assert not [each for each in backbone.modules() if isinstance(each, _BatchNorm) and not is_synchronised(each)]
        assert list(backbone.state_dict()) == names
        between = maps(backbone, images)
        sync.revert(backbone)
        after = maps(backbone, images)
    assert dict(backbone.named_modules()) == layers
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    return max(change(one, other) for one, other in zip(before, between, strict=True))


def maps(backbone: Backbone, images: Tensor) -> list[Tensor]:
    features = backbone(images)
    return [features.c2, features.c3, features.c4, features.c5]


def is_synchronised(module: nn.Module) -> bool:
    return isinstance(module, nn.SyncBatchNorm)


def change(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))


@pytest.mark.parametrize("name", SMALL)
def test_conversion_changes_no_map(name: str) -> None:
    assert largest_change(Backbone(name)) < 1e-5


@pytest.mark.slow
def test_conversion_changes_no_map_of_any_family() -> None:
    """118 families, a minute or two."""
    changes = {}
    for name in FAMILIES:
        try:
            backbone = Backbone(name)
        except ValueError:  # it cannot serve
            continue
        changes[name] = largest_change(backbone)
    print(f"{len(changes)} families, largest change {max(changes.values()):.1e}")
    assert len(changes) >= 40
    assert max(changes.values()) < 1e-5


def test_what_training_learned_stays_once_it_is_over() -> None:
    """Without a process group a synchronised layer trains on a CPU, too."""
    encoder = trained(build_encoder("tu-test_byobnet"))
    plainly = copy.deepcopy(encoder)
    sync = SynchronisedBatchNorm()
    sync.apply(encoder)
    encoder.double(), plainly.double()  # as a move to the GPU does, this makes other buffers
    for each in (encoder, plainly):
        optimiser = torch.optim.SGD(each.parameters(), lr=0.1)
        sum(one.square().mean() for one in each(torch.ones(2, 3, 64, 64, dtype=torch.double))).backward()
        optimiser.step()
    sync.revert(encoder.eval())
    assert not any(is_synchronised(module) or module.training for module in encoder.modules())
    for (name, ours), reference in zip(encoder.state_dict().items(), plainly.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, reference, msg=name)


def test_a_layer_that_two_parts_share_stays_shared() -> None:
    norm = nn.BatchNorm2d(3)
    both = nn.ModuleList([nn.Sequential(norm), nn.Sequential(nn.ReLU(), norm)])
    sync = SynchronisedBatchNorm()
    sync.apply(both)
    assert both[0][0] is both[1][1]
    assert is_synchronised(both[0][0])
    sync.revert(both)
    assert both[0][0] is both[1][1] is norm


@pytest.mark.parametrize(("rank", "group", "sharing"), [(0, 2, [0, 1]), (3, 2, [2, 3]), (1, None, [0, 1, 2, 3])])
def test_neighbours_share_statistics(rank: int, group: int | None, sharing: list[int]) -> None:
    """One of four processes, without the others: torch has no synchronised BatchNorm for CPUs that could be run."""
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=4)
    try:
        sync = SynchronisedBatchNorm()
        sync.group = group
        norm = sync.apply(nn.Sequential(nn.BatchNorm2d(3)))[0]
        assert torch.distributed.get_process_group_ranks(norm.process_group) == sharing
    finally:
        torch.distributed.destroy_process_group()


class Leaky(nn.BatchNorm2d):
    """A norm with an activation in it, as that of inplace-abn."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(super().forward(x))


def test_a_norm_that_would_lose_its_activation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Leaky computes more than BatchNorm.*train on one device"):
        SynchronisedBatchNorm().apply(nn.Sequential(Leaky(3)))


def test_every_batchnorm_of_a_network_is_reached_and_can_still_be_folded(composed) -> None:
    network = build_network(plain(composed(*TINY_MODEL).model), num_classes=5)
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    SynchronisedBatchNorm().apply(network)
    assert sum(map(is_synchronised, network.modules())) == len(norms)
    assert is_synchronised(network.head.context.norm)
    assert fold_batch_norm(network.eval()) == len(norms) - 1  # that of the encoding follows no convolution


@pytest.mark.parametrize(("devices", "gpus", "count"), [(2, True, 1), (1, True, 0), (2, False, 0)])
def test_lightning_uses_it_on_several_gpus(
    devices: int, gpus: bool, count: int, composed, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_config(composed(*TINY_RUN, f"devices={devices}"))
    given: list[object] = []
    monkeypatch.setattr(synchronisation, "CUDAAccelerator", SimpleNamespace(is_available=lambda: gpus))
    trainer = SimpleNamespace(strategy=SimpleNamespace(launcher=None))
    monkeypatch.setattr(train, "build", lambda *_, plugins, **__: given.extend(plugins) or trainer)
    train.build_trainer(settings, tmp_path, steps=None, loggers=[], callbacks=[])
    assert sum(isinstance(each, SynchronisedBatchNorm) for each in given) == count
