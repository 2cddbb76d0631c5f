"""Parameters and operations of the parts that came after the paper, beside what their papers print."""

from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.upsampling.carafe import FACTOR, Reassembly

Composed = Callable[..., DictConfig]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gigamacs(module: nn.Module, *shape: int) -> float:
    """Return what papers call GFLOPs: multiply-adds of one pass over an image (1, 3, H, W), in 10^9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.to("meta").eval()(torch.empty(*shape, device="meta"))
    return counter.get_total_flops() / 2e9


def test_carafe() -> None:
    """arXiv:1905.02188, section 5.2: 74k parameters and 199k operations a pixel that 256 channels are doubled at."""
    module = Reassembly(256, kernel_size=5, encoder_size=3, compressed=64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 256, 8, 8))
    weighted = 2 * FACTOR**2 * 5**2 * 256  # multiply-adds of the reassembly, which torch does not count
    assert round(parameters(module), -3) == 74_000
    assert round(counter.get_total_flops() / 64 + weighted, -3) == 199_000


@pytest.mark.parametrize(
    ("head", "encoder", "width", "millions", "gigas", "size"),
    [
        ("segformer", "mit_b0", 256, 3.8, 8.4, (512, 512)),  # arXiv:2105.15203, tables 1 and 2
        pytest.param(
            "segformer", "mit_b1", 256, 13.7, 15.9, (512, 512), marks=pytest.mark.slow
        ),  # seconds, all of these
        pytest.param("segformer", "mit_b2", 768, 27.5, 62.4, (512, 512), marks=pytest.mark.slow),
        pytest.param("upernet", "tu-convnext_tiny", 512, 60, 939, (512, 2048), marks=pytest.mark.slow),  # 2201.03545
        pytest.param("upernet", "tu-swin_tiny_patch4_window7_224", 512, 60, 945, (512, 2048), marks=pytest.mark.slow),
    ],
)
def test_heads(
    composed: Composed,
    head: str,
    encoder: str,
    width: int,
    millions: float,
    gigas: float,
    size: tuple[int, int],
) -> None:
    """Without the auxiliary head for SegFormer, which has none; UPerNet's counts it in the parameters."""
    network = build_network(
        plain(
            composed(
                "model=encnet_jpu",
                f"model/head={head}",
                "model/upsampling=none",
                f"model.backbone.name={encoder}",
                f"+model.head.width={width}",
                f"model.auxiliary={head == 'upernet'}",
            ).model
        ),
        num_classes=150,
    )
    assert parameters(network) / 1e6 == pytest.approx(millions, rel=0.015)
    network.auxiliary = None  # what runs
    assert gigamacs(network, 1, 3, *size) == pytest.approx(gigas, rel=0.015)
