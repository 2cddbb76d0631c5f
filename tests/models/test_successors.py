"""Upsampling modules and heads that came after the paper's, each against its formula or another implementation."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fastfcn.models.features import Channels, Features, HeadInputs
from fastfcn.models.heads.segformer import SegFormerHead
from fastfcn.models.heads.upernet import UPerNetHead
from fastfcn.models.upsampling.carafe import Reassembly, reassemble
from fastfcn.models.upsampling.dysample import PointSampling
from fastfcn.models.upsampling.fapn import GROUPS, FeatureAlignment, FeatureSelection
from fastfcn.models.upsampling.sfnet import FlowAlignment, warp
from fastfcn.models.upsampling.top_down import DoubledSum

CHANNELS = Channels(8, 16, 24, 32)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def features(height: int = 24, width: int = 40) -> Features:
    sizes = [(-(-height // 2**n), -(-width // 2**n)) for n in range(4)]
    return Features(*(torch.randn(2, count, *size) for count, size in zip((8, 16, 24, 32), sizes, strict=True)))


def randomised(module: nn.Module) -> nn.Module:
    """Leave no weight at its beginning, where offsets and flows are nearly zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    return module.eval()


def read_at(image: Tensor, y: float, x: float, *, border: bool) -> Tensor:
    """Read `image` (C, h, w) bilinearly at pixel coordinates, centres at whole numbers: the sum over four corners."""
    height, width = image.shape[-2:]
    if border:
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = torch.zeros(image.shape[0])
    for row, column in itertools.product((int(y // 1), int(y // 1) + 1), (int(x // 1), int(x // 1) + 1)):
        weight = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
        if 0 <= row < height and 0 <= column < width:
            total += weight * image[:, row, column]
    return total


def test_carafe_is_the_weighted_mean_of_a_neighbourhood() -> None:
    module = randomised(Reassembly(6, kernel_size=5, encoder_size=3, compressed=4))
    x = torch.randn(1, 6, 4, 5)
    encoded = F.conv2d(module.compress(x), module.encode.weight, module.encode.bias, padding=1)
    expected = torch.zeros(1, 6, 8, 10)
    padded = F.pad(x, (2, 2, 2, 2))
    for y, column in itertools.product(range(8), range(10)):
        # channel (tap, dy, dx) of the encoder belongs to that tap of the new pixel (2i + dy, 2j + dx)
        taps = encoded[0].view(25, 2, 2, 4, 5)[:, y % 2, column % 2, y // 2, column // 2].softmax(0)
        window = padded[0, :, y // 2 : y // 2 + 5, column // 2 : column // 2 + 5].reshape(6, 25)
        expected[0, :, y, column] = window @ taps
    assert torch.allclose(module(x), expected, atol=1e-5)


def test_carafe_with_the_weight_on_the_middle_repeats_pixels() -> None:
    kernels = torch.zeros(1, 9, 8, 10)
    kernels[:, 4] = 1
    x = torch.randn(1, 3, 4, 5)
    assert torch.equal(reassemble(x, kernels), F.interpolate(x, scale_factor=2, mode="nearest"))


def test_dysample_without_offsets_is_bilinear() -> None:
    module = PointSampling(8, groups=4)
    nn.init.zeros_(module.offset.weight)
    x = torch.randn(2, 8, 5, 7)
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(module(x), bilinear, atol=1e-5)


def test_dysample_reads_at_the_points_of_each_group() -> None:
    module = randomised(PointSampling(8, groups=2))
    x = torch.randn(1, 8, 4, 5)
    offsets = 0.25 * module.offset(x)[0].view(2, 2, 2, 2, 4, 5)  # x or y, group, row and column of the new pixel, place
    expected = torch.zeros(8, 8, 10)
    for group, y, column in itertools.product(range(2), range(8), range(10)):
        dx, dy = offsets[:, group, y % 2, column % 2, y // 2, column // 2].tolist()
        channels = slice(4 * group, 4 * group + 4)
        place = ((y + 0.5) / 2 - 0.5 + dy, (column + 0.5) / 2 - 0.5 + dx)
        expected[channels, y, column] = read_at(x[0, channels], *place, border=True)
    assert torch.allclose(module(x)[0], expected, atol=1e-4)


def test_a_flow_moves_what_is_read() -> None:
    x, flow = torch.randn(1, 3, 4, 5), 3 * torch.randn(1, 2, 7, 9)
    expected = torch.zeros(3, 7, 9)
    for row, column in itertools.product(range(7), range(9)):
        dx, dy = flow[0, :, row, column].tolist()
        y = ((row / 6 * 2 - 1 + dy / 7) + 1) / 2 * 3  # from the corners of the result to those of x
        place_x = ((column / 8 * 2 - 1 + dx / 9) + 1) / 2 * 4
        expected[:, row, column] = read_at(x[0], y, place_x, border=False)
    assert torch.allclose(warp(x, flow)[0], expected, atol=1e-4)


def test_flow_alignment_without_a_flow_is_fpn() -> None:
    module = FlowAlignment(8)
    nn.init.zeros_(module.flow.weight)
    upper, lateral = torch.randn(2, 8, 3, 5), torch.randn(2, 8, 6, 9)
    resized = F.interpolate(upper, (6, 9), mode="bilinear", align_corners=True)
    assert torch.allclose(module(upper, lateral), lateral + resized, atol=1e-5)


def test_flow_alignment_asks_both_levels() -> None:
    module = randomised(FlowAlignment(8))
    upper, lateral = torch.randn(1, 8, 3, 5), torch.randn(1, 8, 6, 9)
    compressed = F.interpolate(module.compress_upper(upper), (6, 9), mode="bilinear", align_corners=True)
    flow = module.flow(torch.cat([compressed, module.compress_lateral(lateral)], 1))
    assert torch.allclose(module(upper, lateral), lateral + warp(upper, flow), atol=1e-5)


def test_feature_selection_by_hand() -> None:
    module = randomised(FeatureSelection(6, 4))
    x = torch.randn(2, 6, 3, 5)
    importance = torch.sigmoid(torch.einsum("oc,bc->bo", module.importance.weight[..., 0, 0], x.mean((2, 3))))
    weighed = x + importance[..., None, None] * x
    assert torch.allclose(module(x), torch.einsum("oc,bchw->bohw", module.select.weight[..., 0, 0], weighed), atol=1e-5)


def test_feature_alignment_begins_as_half_a_convolution() -> None:
    module = FeatureAlignment(16, align_corners=True)  # no offset, and every weight sigmoid(0)
    upper, lateral = torch.randn(2, 16, 3, 5), torch.randn(2, 16, 6, 9)
    resized = F.interpolate(upper, (6, 9), mode="bilinear", align_corners=True)
    plain = F.conv2d(resized, 0.5 * module.align.weight, module.align.bias, padding=1)
    assert torch.allclose(module(upper, lateral), lateral + plain.relu(), atol=1e-5)


def test_feature_alignment_reads_at_its_points() -> None:
    module = randomised(FeatureAlignment(8, align_corners=False))
    upper, lateral = torch.randn(1, 8, 2, 3), torch.randn(1, 8, 4, 6)
    resized = F.interpolate(upper, (4, 6), mode="bilinear", align_corners=False)
    points = module.points(module.difference(torch.cat([lateral, 2 * resized], 1)))[0]
    offsets, weights = points[: 2 * GROUPS * 9].view(GROUPS, 9, 2, 4, 6), points[2 * GROUPS * 9 :].view(GROUPS, 9, 4, 6)
    expected = module.align.bias[:, None, None].repeat(1, 4, 6)
    for group, tap, row, column in itertools.product(range(GROUPS), range(9), range(4), range(6)):
        dy, dx = offsets[group, tap, :, row, column].tolist()  # y before x, as torchvision documents
        place = (row + tap // 3 - 1 + dy, column + tap % 3 - 1 + dx)
        read = weights[group, tap, row, column].sigmoid() * read_at(resized[0, group : group + 1], *place, border=False)
        expected[:, row, column] += module.align.weight[:, group, tap // 3, tap % 3] * read
    assert torch.allclose(module(upper, lateral)[0], lateral[0] + expected.relu(), atol=1e-4)


@pytest.mark.parametrize("size", [(6, 10), (5, 9), (3, 5)])
def test_doubled_maps_are_cut_where_they_were_rounded_up(size: tuple[int, int]) -> None:
    merge = DoubledSum(nn.Upsample(scale_factor=2, mode="nearest"))
    upper = torch.randn(1, 4, 3, 5)
    doubled = F.interpolate(upper, scale_factor=2, mode="nearest")
    merged = merge(upper, torch.zeros(1, 4, *size))
    assert merged.shape[-2:] == size
    if size != (3, 5):  # a dilated backbone's map, which was not halved
        assert torch.equal(merged, doubled[..., : size[0], : size[1]])


def copied(target: nn.Module, source: nn.Module, order: dict[str, str]) -> None:
    """Give `target` the tensors of `source`; `order` maps the prefixes of its names."""
    state = {}
    for name, tensor in source.state_dict().items():
        prefix = next((key for key in order if name.startswith(key)), None)
        if prefix is not None:
            state[order[prefix] + name.removeprefix(prefix)] = tensor
    own = target.state_dict()
    shaped = {name: tensor.reshape(own[name].shape) for name, tensor in state.items()}  # linear layers are 1x1
    target.load_state_dict(shaped)


def test_segformer_equals_smp() -> None:
    theirs = randomised(SegformerDecoder([3, 0, 8, 16, 24, 32], segmentation_channels=16))
    head = SegFormerHead(HeadInputs(32, CHANNELS, refined=False, align_corners=False), 5, width=16).eval()
    order = {f"mlp_stage.{n}.linear.": f"linear.{n}." for n in range(4)} | {"fuse_stage.": "fuse."}
    head.classify = nn.Identity()
    copied(head, theirs, order)
    maps = features()
    image, stride2 = torch.zeros(2, 3, 96, 160), torch.zeros(2, 0, 48, 80)  # as transformers have it
    expected = theirs([image, stride2, maps.c2, maps.c3, maps.c4, maps.c5])
    assert torch.allclose(head(maps.c5, maps).logits, expected, atol=1e-5)


def test_upernet_equals_smp() -> None:
    theirs = randomised(UPerNetDecoder([3, 4, 8, 16, 24, 32], decoder_channels=16))
    theirs.feature_norms = nn.ModuleList(nn.Identity() for _ in range(4))  # theirs alone: for transformers
    head = UPerNetHead(HeadInputs(32, CHANNELS, refined=False, align_corners=False), 5, width=16).eval()
    order = {f"psp.blocks.{n}.": f"pools.{n}." for n in range(4)} | {"psp.out_conv.": "top.", "fusion_block.": "fuse."}
    order |= {f"fpn_lateral_blocks.{n}.conv_norm_relu.": f"laterals.{n}." for n in range(3)}
    order |= {f"fpn_conv_blocks.{n}.": f"smooth.{n}." for n in range(3)}
    head.classify = nn.Identity()
    copied(head, theirs, order)
    maps = features()
    expected = theirs([None, None, maps.c2, maps.c3, maps.c4, maps.c5])
    assert torch.allclose(head(maps.c5, maps).logits, expected, atol=1e-4)


def test_half_precision_reads_at_exact_places() -> None:
    """Places in bfloat16 would be off by whole pixels from 256 pixels on."""
    stripes = (torch.rand(1, 8, 1, 300) > 0.5).float().repeat(1, 1, 2, 1)
    for module in (DoubledSum(PointSampling(8, groups=4)), FlowAlignment(8), FeatureAlignment(8, align_corners=True)):
        lateral = torch.zeros(1, 8, 4, 600)
        exact = module(stripes, lateral)
        half = module.bfloat16()(stripes.bfloat16(), lateral.bfloat16())
        assert half.dtype == torch.bfloat16
        assert (half.float() - exact).abs().max() < 0.1


def test_a_deformable_convolution_counts_as_a_convolution() -> None:
    module = FeatureAlignment(8, align_corners=True)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 8, 2, 3), torch.zeros(1, 8, 4, 6))
    pixels, points = 4 * 6, 3 * GROUPS * 9
    assert counter.get_total_flops() == 2 * pixels * (16 * 8 + 9 * 8 * points + 9 * 8 * 8)
