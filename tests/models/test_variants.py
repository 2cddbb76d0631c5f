"""Every upsampling module under every head, against the paper's formulas as plain functions.

The backbone's maps are random; test_golden.py and test_backbone.py are about backbones.
"""

import itertools
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fastfcn.models.features import Channels, Features
from fastfcn.models.heads.deeplabv3 import DeepLabV3Head
from fastfcn.models.heads.encnet import EncNetHead
from fastfcn.models.heads.fcn import FCNHead
from fastfcn.models.heads.psp import PSPHead
from fastfcn.models.normalisation import IMAGENET
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.bilinear import Bilinear
from fastfcn.models.upsampling.fpn import FPN
from fastfcn.models.upsampling.jpu import JPU
from fastfcn.models.upsampling.jpu_x import JPUX
from fastfcn.models.upsampling.none import NoUpsampling
from tests.models import reference

UPSAMPLINGS: dict[str, Any] = {
    "none": NoUpsampling,
    "bilinear": Bilinear,
    "fpn": partial(FPN, width=32),
    "jpu": partial(JPU, width=32),
    "jpu_x": partial(JPUX, width=64),
}
HEADS: dict[str, Any] = {
    "fcn": FCNHead,
    "psp": PSPHead,
    "deeplabv3": DeepLabV3Head,
    "deeplabv3 as in mmsegmentation": partial(DeepLabV3Head, width=24, projection=False),
    "encnet": partial(EncNetHead, width=32),
    "encnet lateral": partial(EncNetHead, width=32, lateral=True),
    "encnet without presence": partial(EncNetHead, width=32, presence=False),
    "encnet as in mmsegmentation": partial(EncNetHead, width=32, kernel_size=3),
}
STRIDES = {"none": (32, 16, 8)}  # modules are for stride 32
SIZE = (51, 83)
TOLERANCE = 1e-12  # of the largest value, in float64


class Maps(nn.Module):
    """Stands for a backbone: the same random maps whatever the images, at the sizes that `output_stride` gives."""

    channels = Channels(8, 12, 20, 32)
    statistics = IMAGENET

    def __init__(self, output_stride: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(output_stride)
        sides = [[-(-side // min(stride, output_stride)) for side in SIZE] for stride in (4, 8, 16, 32)]
        self.maps = [
            torch.randn(2, channels, *side, generator=generator, dtype=torch.double).clamp(min=0)
            for channels, side in zip(vars(self.channels).values(), sides, strict=True)
        ]

    def forward(self, images: Tensor) -> Features:
        return Features(*(each.to(images.dtype) for each in self.maps))


def randomised(network: Segmenter) -> Segmenter:
    """Fill every tensor, running statistics too, so that no two can be mistaken for each other."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        kind = name.rpartition(".")[2]
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator, dtype=torch.double)
            if kind == "running_var" or (kind == "weight" and tensor.dim() == 1):
                values = 0.5 + values.sigmoid()
            elif kind == "scale":
                values = -0.05 * values.sigmoid()
            elif tensor.dim() > 1:
                values = values * (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(values)
    return network


def apart(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_networks_equal_the_formulas(upsampling: str) -> None:
    images = torch.zeros(2, 3, *SIZE, dtype=torch.double)
    largest, count = 0.0, 0
    for head, stride, align in itertools.product(HEADS, STRIDES.get(upsampling, (32,)), (True, False)):
        network = Segmenter(
            backbone=Maps(stride),
            upsampling=UPSAMPLINGS[upsampling],
            head=HEADS[head],
            num_classes=7,
            align_corners=align,
        )
        network = randomised(network.double().eval())
        with torch.no_grad():
            ours = network(images)
            logits, aux, presence = reference.segment(
                network.state_dict(), network.backbone(images), images, upsampling, head.split()[0], align
            )
        differences = [apart(ours.logits, logits), apart(ours.aux, aux)]
        assert (ours.presence is None) == (presence is None) == (not head.startswith("encnet") or "without" in head)
        if presence is not None:
            differences.append(apart(ours.presence, presence))
        assert max(differences) < TOLERANCE, f"{head}, output stride {stride}, align_corners {align}"
        largest, count = max(largest, *differences), count + 1
    print(f"{upsampling}: {count} networks, largest difference {largest:.1e}")
