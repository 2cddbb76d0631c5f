"""trainer=ddp takes DistributedDataParallel's switches, each of its type, and nothing that the suite cannot read."""

import pytest
from lightning.pytorch.strategies import DDPStrategy

from fastfcn.training import train
from fastfcn.training.company import Launcher
from fastfcn.training.config import read_config
from fastfcn.training.parallel import DataParallel
from fastfcn.training.synchronisation import SynchronisedBatchNorm
from tests.conftest import TINY_RUN

TWO = (*TINY_RUN, "trainer=ddp", "devices=2", "trainer.accelerator=cpu")


def strategy(composed, folder, *options: str) -> DDPStrategy:
    settings = read_config(composed(*TWO, *options))
    return train.build_trainer(settings, folder, steps=None, loggers=[], callbacks=[]).strategy


def test_options_reach_torch_and_the_launcher_is_ours(composed, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = strategy(composed, tmp_path)
    assert isinstance(default, DataParallel)
    assert not any(default._ddp_kwargs.values())
    assert isinstance(default.launcher, Launcher)
    options = ("static_graph=true", "gradient_as_bucket_view=true", "find_unused_parameters=true", "batchnorm_group=2")
    chosen = strategy(composed, tmp_path, *(f"trainer.strategy.{each}" for each in options))
    assert len(chosen._ddp_kwargs) == 3
    assert all(chosen._ddp_kwargs.values())
    chosen._layer_sync = SynchronisedBatchNorm()
    monkeypatch.setattr(DDPStrategy, "setup", lambda *_: None)
    chosen.setup(None)
    assert chosen._layer_sync.group == 2
    plain = strategy(composed, tmp_path, "trainer.strategy=ddp")
    assert isinstance(plain.launcher, Launcher)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("trainer.strategy.batchnorm_group=3", "batchnorm_group=3 does not divide the 2 processes"),
        ("trainer.strategy.batchnorm_group=0", "trainer.strategy.batchnorm_group must be 1 or more, got 0"),
        (
            "trainer.strategy.static_graph=2",
            "trainer.strategy.static_graph=2 does not fit: input should be true",
        ),
        ("+trainer.strategy.static=true", "trainer.strategy.static is not an option; .*static_graph"),
        ("trainer.strategy=fsdp", r"trainer.strategy must be auto or ddp \(trainer=ddp has its options\), got fsdp"),
    ],
)
def test_what_does_not_fit_is_refused(option: str, said: str, composed, tmp_path) -> None:
    with pytest.raises(ValueError, match=said):
        strategy(composed, tmp_path, option)


def test_a_static_graph_accumulates_nothing(composed, tmp_path) -> None:
    options = ("trainer.strategy.static_graph=true", "trainer.accumulate_grad_batches=2")
    with pytest.raises(ValueError, match="static_graph=true has torch average gradients after every pass"):
        strategy(composed, tmp_path, *options)
