"""Plain transformers: patches on the grid of the image, the neck's maps where they belong, and how they learn."""

import itertools
from functools import partial

import pytest
import timm
import torch
import torch.nn.functional as F

from fastfcn.checkpoints import build_network, outline
from fastfcn.composition import plain
from fastfcn.models.backbone import Backbone
from fastfcn.models.cost import count_flops
from fastfcn.models.features import Features
from fastfcn.models.heads.fcn import FCNHead
from fastfcn.models.neck import SimplePyramid
from fastfcn.models.plain import PlainEncoder
from fastfcn.models.pretrained import load_pretrained
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.fapn import FaPN
from fastfcn.models.upsampling.jpu import JPU
from fastfcn.models.upsampling.none import NoUpsampling
from fastfcn.training.freezing import Freezing, stage_parameters
from fastfcn.training.optimisers import parameter_groups, recipe_optimiser
from fastfcn.training.recipe import Recipe
from tests.models.test_segmenter import options

NAME = "tu-test_vit"  # six blocks of 64 channels, patches of 16
MODEL = (f"model.backbone.name={NAME}", "suggested.width=32")


def sizes(maps: Features) -> list[tuple[int, ...]]:
    return [tuple(each.shape[-2:]) for each in (maps.c2, maps.c3, maps.c4, maps.c5)]


@pytest.mark.parametrize("name", [NAME, "tu-test_vit3"])
def test_maps_of_an_image_of_any_size(name: str) -> None:
    backbone = Backbone(name).eval()
    with torch.no_grad():
        for height, width in ((64, 96), (65, 97), (24, 150), (1, 1)):
            image = torch.randn(1, 3, height, width)
            maps = backbone(image)
            assert sizes(maps) == [(-(-height // stride), -(-width // stride)) for stride in (4, 8, 16, 32)]
            padded = F.pad(image, (0, -width % 32, 0, -height % 32))
            assert torch.equal(backbone(padded).c4[..., : -(-height // 16), : -(-width // 16)], maps.c4)


@pytest.mark.parametrize("patch", [8, 14, 16, 32])
def test_a_patch_lies_on_the_pixels_of_its_stride(patch: int) -> None:
    """Those of 14 pixels see 16 of the image: as timm's own network on the image made smaller."""
    encoder = PlainEncoder("test_vit", 3, patch_size=patch, dynamic_img_size=True).eval()
    assert encoder.stride == (16 if patch == 14 else patch)
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        ours = encoder(image)
        seen = F.interpolate(image, (56, 84), mode="bilinear", antialias=True) if patch == 14 else image
        (theirs,) = encoder.model.model.forward_intermediates(seen, indices=1, norm=True, intermediates_only=True)
    assert ours.shape == (1, 64, 64 // encoder.stride, 96 // encoder.stride)
    assert torch.equal(ours, theirs)


def test_it_is_timms_network_at_its_own_size() -> None:
    encoder = PlainEncoder("test_vit", 3, dynamic_img_size=True).eval()
    fixed = timm.create_model("test_vit", num_classes=0).eval()
    fixed.load_state_dict(encoder.model.model.state_dict())
    side = fixed.patch_embed.img_size[0]
    image = torch.randn(1, 3, side, side)
    with torch.no_grad():
        tokens = fixed.forward_features(image)[:, fixed.num_prefix_tokens :]
        assert torch.allclose(encoder(image).flatten(2).transpose(1, 2), tokens, atol=1e-5)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_every_map_of_the_neck_lies_on_the_image(stride: int) -> None:
    """What one cell of the map changes is centred on that cell in all four maps, as far as the 3x3 reaches."""
    torch.manual_seed(0)
    neck = SimplePyramid(64, stride, width=8).eval()
    side = 512 // stride
    place = side // 2  # its centre, in pixels of the image: (place + 0.5) * stride
    one = torch.randn(1, 64, side, side)
    other = one.clone()
    other[..., place, place] += 3
    with torch.no_grad():
        for ours, changed, target in zip(neck(one), neck(other), (4, 8, 16, 32), strict=True):
            assert ours.shape == (1, 8, 512 // target, 512 // target)
            (rows,) = (ours != changed).any(dim=(0, 1, 3)).nonzero(as_tuple=True)
            first, last = rows.min().item() * target, (rows.max().item() + 1) * target
            assert first <= place * stride
            assert last >= (place + 1) * stride
            assert last - first <= max(stride, target) + 2 * target


def test_the_neck_is_vitdets() -> None:
    """Its layers for patches of 16: section 3, and two convolutions with norms."""
    kinds = [[type(layer).__name__ for layer in level] for level in SimplePyramid(64, 16).levels]
    closing = ["Conv2d", "LayerNorm2d", "Conv2d", "LayerNorm2d"]
    assert kinds == [
        ["ConvTranspose2d", "LayerNorm2d", "GELU", "ConvTranspose2d", *closing],
        ["ConvTranspose2d", *closing],
        closing,
        ["MaxPool2d", *closing],
    ]
    first = SimplePyramid(64, 16).levels[0]
    shapes = [tuple(first[place].weight.shape[:2]) for place in (0, 3, 4, 6)]
    assert shapes == [(64, 32), (32, 16), (256, 16), (256, 256)]


@pytest.fixture(scope="module")
def network() -> Segmenter:
    return Segmenter(backbone=Backbone(NAME), upsampling=partial(FaPN, width=32), head=FCNHead, num_classes=3)


def test_the_neck_learns_at_the_heads_rate(network: Segmenter) -> None:
    groups = parameter_groups(network, 0.1, 10.0)
    rates = {group["name"]: group["lr"] for group in groups}
    assert rates == {"backbone": 0.1, "neck": 1.0, "upsampling": 1.0, "head": 1.0, "auxiliary": 1.0}
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    recipe = Recipe(0.1, 1, 2, 0, 10.0, 0.05, False, False, False, False, optimizer="adamw", stage_decay=0.5)
    adamw = recipe_optimiser(recipe, network, 0.1).param_groups
    rate = {id(each): group["lr"] for group in adamw for each in group["params"]}
    assert {rate[id(each)] for each in network.backbone.neck.levels[3].parameters()} == {1.0}
    blocks = network.backbone.encoder.model.model.blocks
    falling = [0.0125, 0.0125, 0.025, 0.05, 0.05, 0.1]
    assert [rate[id(block.mlp.fc1.weight)] for block in blocks] == pytest.approx(falling)
    assert rate[id(network.backbone.encoder.model.model.pos_embed)] == pytest.approx(0.0125)


def test_stages_are_quarters_of_the_blocks_without_the_neck(network: Segmenter) -> None:
    backbone = network.backbone
    stages = stage_parameters(backbone)
    names = {id(each): name.removeprefix("model.model.") for name, each in backbone.encoder.named_parameters()}
    assert sorted(id(each) for stage in stages for each in stage) == sorted(names)
    parts = [{".".join(names[id(each)].split(".")[:2]) for each in stage} for stage in stages]
    assert {"cls_token", "pos_embed", "patch_embed.proj", "blocks.0", "blocks.1"} == parts[0]
    assert parts[3] == {"blocks.5", "norm.weight", "norm.bias"}
    freezing = Freezing(Backbone(NAME), stages=4, epochs=None)
    assert len(freezing.parameters) == len(names)
    assert not any(each.requires_grad for each in freezing.parameters)


def require_gradients(network: Segmenter) -> None:
    prediction = network(torch.randn(2, 3, 43, 65))
    assert prediction.logits.shape == (2, 3, 43, 65)
    (prediction.logits.sum() + prediction.aux.sum()).backward()
    missing = [name for name, each in network.named_parameters() if each.requires_grad and each.grad is None]
    assert missing == []


@pytest.mark.parametrize("upsampling", [NoUpsampling, partial(JPU, width=32), partial(FaPN, width=32)])
def test_gradients_reach_all_that_is_read(upsampling) -> None:
    network = Segmenter(backbone=Backbone(NAME), upsampling=upsampling, head=FCNHead, num_classes=3)
    require_gradients(network)
    read = [any(each.requires_grad for each in level.parameters()) for level in network.backbone.neck.levels]
    assert read == [False, upsampling is not NoUpsampling, True, True]  # the auxiliary head reads C4


@pytest.mark.slow
def test_every_combination(composed) -> None:
    """56 networks, a minute."""
    for module, head in itertools.product(options("model/upsampling"), options("model/head")):
        model = plain(composed(f"model/upsampling={module}", f"model/head={head}", *MODEL).model)
        require_gradients(build_network(model, num_classes=3))


@pytest.mark.parametrize("name", [NAME, "tu-test_vit3"])
def test_it_is_outlined_as_it_is_built(name: str, composed) -> None:
    model = plain(composed("model=fcn_jpu", "suggested.width=32", f"model.backbone.name={name}").model)
    real, described = build_network(model, 3), outline(model, 3, "a checkpoint")
    assert {key: each.shape for key, each in described.state_dict().items()} == {
        key: each.shape for key, each in real.state_dict().items()
    }


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_weights_from_a_file_of_timms_own(name: str, tmp_path) -> None:
    """The wrappers' names are not the file's: model.model.blocks for blocks, stages_0 for stages.0."""
    donor = timm.create_model(name)
    torch.save(donor.state_dict(), tmp_path / "timm.pth")
    backbone = Backbone(f"tu-{name}", weights=str(tmp_path / "timm.pth"))
    load_pretrained(backbone)
    whole = dict(donor.named_parameters())
    first = next(each for each in whole if each.startswith(("blocks.0", "stages.0")) and each.endswith("weight"))
    own = {key.replace("_", "."): each for key, each in backbone.encoder.named_parameters()}
    assert any(key.endswith(first.replace("_", ".")) and torch.equal(each, whole[first]) for key, each in own.items())


def test_attention_is_counted() -> None:
    """Two products of N x N pairs a block, which a CPU's own kernel hides from the counter."""
    encoder = PlainEncoder("test_vit", 3, dynamic_img_size=True)
    vit = encoder.model.model
    tokens, width, hidden = 16 + vit.num_prefix_tokens, vit.embed_dim, vit.blocks[0].mlp.fc1.out_features
    block = 4 * tokens * width * width * 2 + 2 * tokens * tokens * width * 2 + 2 * tokens * width * hidden * 2
    patches = 16 * 3 * 16 * 16 * width * 2
    assert count_flops(encoder, 3, 64).get_total_flops() == len(vit.blocks) * block + patches


def test_it_cannot_be_dilated_and_needs_no_size() -> None:
    with pytest.raises(ValueError, match="tu-test_vit cannot be dilated to output stride 8"):
        Backbone(NAME, output_stride=8)
    with pytest.raises(ValueError, match="image_size=64 is for encoders built for one size"):
        Backbone(NAME, image_size=64)


def test_statistics_and_channels_follow_the_encoder() -> None:
    backbone = Backbone(NAME, in_channels=5).eval()
    assert sizes(backbone(torch.randn(1, 5, 32, 32))) == [(8, 8), (4, 4), (2, 2), (1, 1)]
