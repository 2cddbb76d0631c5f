"""Images are normalised by what a backbone's weights were trained with, wherever a network meets them."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torch import Tensor, nn

from fastfcn.checkpoints import build_network, load_network, network_of, read_checkpoint
from fastfcn.composition import plain
from fastfcn.description import Description
from fastfcn.evaluation.batching import Batch
from fastfcn.evaluation.evaluator import EvaluationModule
from fastfcn.evaluation.protocols import FullImage
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.normalisation import IMAGENET, statistics_of
from fastfcn.models.segmenter import Segmenter
from fastfcn.prediction.predictor import segment
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.module import SegmentationModule
from fastfcn.training.recipe import Recipe
from tests.conftest import TINY_MODEL

OTHER = (  # timm's, none with ImageNet's statistics
    "tf_efficientnet_lite0",
    "tf_efficientnetv2_s.in21k",
    "resnetv2_50x1_bit.goog_in21k",
    "tf_efficientnet_b0.ap_in1k",
    "vit_base_patch16_224.augreg_in21k",
    "vit_base_patch16_clip_224.openai",
    "beit_base_patch16_224",
    "inception_v3.tf_in1k",
    "mixer_b16_224",
    "dpn92",
    "mobilenetv3_large_100.miil_in21k",
    "test_resnet",
)


def by_timm(name: str, image: np.ndarray) -> Tensor:
    """Normalise an RGB image (H, W, 3) by timm's own transform for `name`, which here need not resize or crop."""
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    steps = create_transform(**{**config, "input_size": (3, *image.shape[:2]), "crop_pct": 1.0}).transforms
    tensor = Image.fromarray(image)
    for step in steps[-2:]:  # to a tensor, and Normalize
        tensor = step(tensor)
    return tensor


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def uint8(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None]


@pytest.mark.parametrize("name", OTHER)
def test_timms_encoders(name: str, image: np.ndarray) -> None:
    ours = statistics_of(f"tu-{name}").normalise(uint8(image))[0]
    assert torch.allclose(ours, by_timm(name, image), atol=1e-5)  # deviations as small as 1/60 scale the rounding


def test_they_are_others_than_imagenets() -> None:
    assert [name for name in OTHER if statistics_of(f"tu-{name}") == IMAGENET] == []
    assert statistics_of("inceptionv4").mean == (0.5, 0.5, 0.5)


def test_the_papers_backbones_have_imagenets() -> None:
    assert {statistics_of(name) for name in ("tu-resnet50s", "tu-resnet101s", "tu-resnet18", "resnet50")} == {IMAGENET}


@pytest.fixture
def network(composed) -> Segmenter:
    torch.manual_seed(0)
    return build_network(plain(composed(*TINY_MODEL).model), num_classes=5).eval()


@pytest.fixture
def seen(network: Segmenter) -> list[Tensor]:
    """What the backbone is given."""
    inputs: list[Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _module, arguments: inputs.append(arguments[0]))
    return inputs


def test_in_training(network: Segmenter, seen: list[Tensor], image: np.ndarray) -> None:
    recipe = Recipe(0.1, 1, 2, 0, 10.0, 0.0, False, False, False, False)
    loss = SegmentationLoss(aux_weight=0.4, presence_weight=0.2)
    module = SegmentationModule(network, loss, recipe, num_classes=5, seed=0, description={})
    module(uint8(image))
    assert torch.allclose(seen[0][0], by_timm("test_resnet", image), atol=1e-6)


def test_in_evaluation(network: Segmenter, seen: list[Tensor], image: np.ndarray) -> None:
    module = EvaluationModule(network, FullImage(), num_classes=5, absent="skip")
    module._trainer = SimpleNamespace(world_size=1, global_rank=0)
    with torch.no_grad():
        module.test_step([Batch(uint8(image), [torch.zeros(48, 64)], [0])], 0)
    assert torch.allclose(seen[0][0], by_timm("test_resnet", image), atol=1e-6)


def test_in_prediction_and_in_the_padding_of_windows(network: Segmenter, seen: list[Tensor], image: np.ndarray) -> None:
    protocol = SlidingWindow(
        name="ss", base_size=64, crop_size=80, scales=(1.0,), flip=False, fusion="exp_sum", batch=None
    )
    segment(network, protocol, image)
    padded = np.zeros((80, 80, 3), np.uint8)
    padded[:48, :64] = image
    assert torch.allclose(seen[0][0], by_timm("test_resnet", padded), atol=1e-6)


def test_a_network_takes_images_as_they_are(network: Segmenter, image: np.ndarray) -> None:
    normalised = by_timm("test_resnet", image)[None]
    with torch.no_grad():
        expected = network(normalised).logits
        assert torch.allclose(network(uint8(image)).logits, expected, atol=1e-5)
        fast = FastSegmenter(network, compile_after=None)
        assert torch.allclose(fast(uint8(image)).logits, expected, atol=1e-4)


def test_a_checkpoint_keeps_them(trained) -> None:
    checkpoint = read_checkpoint(trained / "checkpoints" / "best.ckpt")
    assert checkpoint.description.model["backbone"]["mean"] == [0.5, 0.5, 0.5]
    former = copy.deepcopy(checkpoint.description.to_dict())
    for name in ("mean", "std"):
        del former["model"]["backbone"][name]
    older = replace(checkpoint, description=Description.from_dict(former))
    assert network_of(older).statistics == IMAGENET  # what an earlier version trained with
    assert load_network(checkpoint.path).statistics == statistics_of("tu-test_resnet")


def test_an_option_overrides_them(composed) -> None:
    options = ("+model.backbone.mean=[0.1,0.2,0.3]", "+model.backbone.std=[0.4,0.5,0.6]")
    network = build_network(plain(composed(*TINY_MODEL, *options).model), num_classes=5)
    assert (network.statistics.mean, network.statistics.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_constants_are_kept_on_the_device() -> None:
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    with torch.inference_mode():
        IMAGENET.normalise(images)
    weights = nn.Parameter(torch.ones(3, 1, 1))
    (IMAGENET.normalise(images) * weights).sum().backward()  # constants made for inference would refuse
    assert weights.grad is not None
