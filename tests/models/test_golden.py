"""The network computes what the authors' code computes."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from fastfcn.checkpoints import build_network, load_weights
from fastfcn.composition import plain
from fastfcn.data.dataset import IGNORE
from fastfcn.importing import authors
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.optimisers import build_optimiser, parameter_groups
from fastfcn.training.schedules import build_schedule
from tests.golden.generated import GOLDEN, images, labels, released

TRAJECTORY = json.loads((GOLDEN / "fastfcn" / "train_trajectory.json").read_text())
NAMES = sorted(path.stem for path in (GOLDEN / "fastfcn").glob("*.npz") if path.stem != "multiscale")


def build_released(name: str, composed) -> Segmenter:
    """The network as conf/ composes it, with the weights of the authors' checkpoint `name`."""
    head, depth, upsampling = name.split("_")[:3]
    own_upsampling = {"jpu": "jpu", "jpux": "jpu_x"}.get(upsampling, "none")
    output_stride = 8 if upsampling == "os8" else 32
    model = composed(
        "data=folder",
        "data.root=unused",
        f"model/head={head.replace('deeplab', 'deeplabv3')}",
        f"model/backbone={depth}",
        f"model/upsampling={own_upsampling}",
        f"model.backbone.output_stride={output_stride}",
    ).model
    translation = authors.translate(released(name), output_stride)
    network = build_network(plain(model), translation.num_classes)
    load_weights(network, translation.weights, name)
    return network


@pytest.mark.parametrize("name", NAMES)
def test_forward_equals_the_authors(name: str, composed) -> None:
    network = build_released(name, composed).eval()
    golden = np.load(GOLDEN / "fastfcn" / f"{name}.npz")
    image = images(7, (1, 3, 96, 128))
    with torch.no_grad():
        prediction = network(image)
        features = network.upsampling(network.backbone(image))
    computed = {
        "logits": prediction.logits[..., ::8, ::8],
        "aux": prediction.aux[..., ::8, ::8],
        "features": features[:, ::32],
        "se": prediction.presence,
    }
    for key in golden.files:
        largest = np.abs(golden[key]).max()
        np.testing.assert_allclose(computed[key].numpy() / largest, golden[key] / largest, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["encnet_resnet50_jpu", pytest.param("psp_resnet50_jpu", marks=pytest.mark.slow)])
def test_training_follows_the_authors(name: str, composed) -> None:
    golden = TRAJECTORY[name]
    network = build_released(name, composed).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    loss = SegmentationLoss(aux_weight=golden["aux_weight"], presence_weight=golden["se_weight"])
    optimiser = build_optimiser(parameter_groups(network, 0.001, 10.0), weight_decay=1e-4)
    schedule = build_schedule(optimiser, total_steps=6)
    for step, (expected_loss, rates) in enumerate(zip(golden["losses"], golden["lrs"], strict=True)):
        assert schedule.get_last_lr() == pytest.approx(rates, rel=1e-9)
        masks = labels(200 + step, (2, 96, 128), 59)
        total = loss(network(images(100 + step, (2, 3, 96, 128))), torch.where(masks < 0, IGNORE, masks)).total
        assert total.item() == pytest.approx(expected_loss, rel=1e-3)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        logits = network.eval()(images(7, (1, 3, 96, 128))).logits
    spread = golden["final_logits_std"]
    assert logits.mean().item() == pytest.approx(golden["final_logits_mean"], abs=1e-2 * spread)
    assert logits.std().item() == pytest.approx(spread, rel=1e-2)
