"""A small encoder of every family of segmentation-models-pytorch and timm, what they can do, and docs/backbones.md.

python -m tests.models.families writes the page anew (half an hour on a busy core, 3 GB).
"""

import gc
import os
from dataclasses import dataclass

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from fastfcn.entry import CONF
from fastfcn.models.backbone import Backbone
from fastfcn.models.cost import count_flops
from fastfcn.models.normalisation import HALF, IMAGENET
from fastfcn.models.padding import Padding

PAGE = CONF.parent / "docs" / "backbones.md"
SIZES = ((65, 97), (40, 300), (24, 500), (1, 1))
UNPADDED = ("tu-legacy_xception",)  # convolutions without padding: their maps are smaller
FAMILIES = (
    "resnet18", "resnext50_32x4d", "dpn68", "vgg11", "vgg11_bn", "senet154", "se_resnet50", "se_resnext50_32x4d",
    "densenet121", "inceptionresnetv2", "inceptionv4", "efficientnet-b0", "mobilenet_v2", "xception",
    "timm-efficientnet-b0", "timm-tf_efficientnet_lite0", "timm-skresnet18", "timm-skresnext50_32x4d", "mit_b0",
    "mobileone_s0", "tu-beit_base_patch16_224", "tu-lambda_resnet26t", "tu-gernet_s", "tu-cait_xxs24_224",
    "tu-coat_tiny", "tu-convit_tiny", "tu-convmixer_768_32", "tu-convnext_atto", "tu-cpubone_nano",
    "tu-crossvit_tiny_240", "tu-csatv2", "tu-cs3darknet_s", "tu-cspnext_tiny", "tu-davit_tiny",
    "tu-deepseek_vit_412m", "tu-deit_tiny_patch16_224", "tu-densenet121", "tu-dla46x_c", "tu-dpn48b",
    "tu-edgenext_xx_small", "tu-efficientformer_l1", "tu-efficientformerv2_s0", "tu-tinynet_e",
    "tu-efficientvim_m1", "tu-efficientvit_b0", "tu-efficientvit_m0", "tu-eva02_tiny_patch14_224",
    "tu-fasternet_t0", "tu-fastvit_t8", "tu-focalnet_tiny_srf", "tu-gcvit_xxtiny", "tu-gemma4_vit_167m",
    "tu-ghostnet_050", "tu-hardcorenas_b", "tu-hgnetv2_b0", "tu-hiera_tiny_224", "tu-sam2_hiera_tiny",
    "tu-hrnet_w18_ssld", "tu-iformer_t", "tu-inception_next_atto", "tu-inception_resnet_v2", "tu-inception_v3",
    "tu-inception_v4", "tu-lcnetv2_small", "tu-levit_128s", "tu-lowformer_b0", "tu-mambaout_femto",
    "tu-coatnet_0_224", "tu-maxvit_tiny_tf_224", "tu-coat_lite_tiny", "tu-caformer_s18",
    "tu-gmlp_ti16_224", "tu-lcnet_035", "tu-mobilenetv5_base",
    "tu-mobilevit_xxs", "tu-mvitv2_tiny", "tu-naflexvit_base_patch16_parfac_gap", "tu-nasnetalarge", "tu-nest_tiny",
    "tu-nextvit_small", "tu-nfnet_f0", "tu-pit_ti_224", "tu-pnasnet5large", "tu-pvt_v2_b0", "tu-qwen3_vit_88m",
    "tu-rdnet_tiny", "tu-regnetx_002", "tu-repghostnet_050", "tu-repvit_m1", "tu-res2next50", "tu-resnest14d",
    "tu-resnet10t", "tu-resnetv2_18", "tu-rexnet_100", "tu-selecsls42", "tu-legacy_seresnet18", "tu-sequencer2d_s",
    "tu-shvit_s1", "tu-skresnet18", "tu-starnet_s050", "tu-swiftformer_xs", "tu-swin_tiny_patch4_window7_224",
    "tu-swinv2_tiny_window8_256", "tu-swinv2_cr_tiny_224", "tu-tiny_vit_5m_224", "tu-tnt_s_legacy_patch16_224",
    "tu-tresnet_m", "tu-twins_svt_small", "tu-vgg11", "tu-visformer_tiny", "tu-flexivit_small",
    "tu-vit_tiny_r_s16_p8_224", "tu-vit_srelpos_small_patch16_224", "tu-samvit_base_patch16_224",
    "tu-vitamin_small_224", "tu-volo_d1_224", "tu-ese_vovnet19b_slim", "tu-legacy_xception", "tu-xception41p",
    "tu-xcit_nano_12_p8_224",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """`refusal` is the one line that an encoder is refused with, or None; `plain` says that it has a neck."""

    refusal: str | None
    dilates: bool = False
    plain: bool = False
    sizes: str = ""
    millions: float = 0.0
    gflops: float = 0.0
    statistics: str = ""


def try_encoder(name: str) -> Finding:
    """Build one and run it on SIZES. Raises whatever a user would see as a traceback."""
    gc.collect()  # of the one before
    try:
        backbone = Backbone(name).eval()
    except ValueError as error:
        return Finding(str(error))
    padding = backbone.padding
    for height, width in SIZES:
        if padding.most is None or max(height, width) <= padding.most:
            _require_maps(backbone, height, width)
    own = backbone.statistics
    return Finding(
        None,
        _dilates(name),
        backbone.neck is not None,
        _sizes(padding),
        sum(each.numel() for each in backbone.parameters()) / 1e6,
        count_flops(backbone, own.channels, padding.measured(512)).get_total_flops() / 1e9,
        "ImageNet" if own == IMAGENET else "0.5" if own == HALF else "other",
    )


@torch.no_grad()
def _require_maps(backbone: Backbone, height: int, width: int) -> None:
    maps = backbone(torch.zeros(1, 3, height, width))
    for each, stride in zip((maps.c2, maps.c3, maps.c4, maps.c5), (4, 8, 16, 32), strict=True):
        assert torch.isfinite(each).all()
        rounded = (-(-height // stride), -(-width // stride))
        shape = tuple(each.shape[-2:])
        assert shape == rounded or backbone.name in UNPADDED, f"{backbone.name}: {shape} of {height}x{width}"
        assert 0 not in shape


def _dilates(name: str) -> bool:
    try:
        for stride in (8, 16):
            Backbone(name, output_stride=stride).eval()(torch.zeros(1, 3, 65, 97))
    except ValueError:
        return False
    return True


def _sizes(padding: Padding) -> str:
    if padding.most is not None:
        return f"up to {padding.most}, or `image_size`"
    if padding.multiple > 1:
        return f"multiples of {padding.multiple}"
    return f"{padding.least} and more" if padding.least > 1 else "any"


def row(name: str, finding: Finding) -> str:
    """Write a line of the page."""
    if finding.refusal is not None:
        reason = "no maps of small images" if "of any size" in finding.refusal else "no maps at strides 4, 8, 16 and 32"
        return f"| `{name}` | no | | {reason} | | | |\n"
    strides = "8, 16, 32" if finding.dilates else "32, neck" if finding.plain else "32"
    numbers = f"{finding.millions:.1f} | {finding.gflops:.1f} | {finding.statistics}"
    return f"| `{name}` | yes | {strides} | {finding.sizes} | {numbers} |\n"


def page(findings: dict[str, Finding]) -> str:
    """Write docs/backbones.md."""
    rows = [row(name, finding) for name, finding in findings.items()]
    served = sum(finding.refusal is None for finding in findings.values())
    return TEXT.format(families=len(findings), served=served, rows="".join(sorted(rows, key=str.lower)))


TEXT = """# Backbones

`model.backbone.name=` takes any encoder of segmentation-models-pytorch, and timm's under `tu-NAME`. One small member
of each of {families} families was built and run on images of 65x97, 40x300, 24x500 and 1x1: {served} serve. The
others of a family do as a rule what this one does. Each is tried when it is built: one that cannot serve is refused
in one line.

**Sizes.** Images of any size are taken, and maps and logits come back at theirs. Where the table names multiples or a
least side, an image of another size is padded right and bottom, with zeros in the normalised image (its mean colour,
and what a convolution pads with), and the padded part of the maps is cut off; that includes encoders that would round
a side down and leave the last pixels unseen. MaxViT divides its maps into windows of the same number of pixels at
every stride, hence its large multiples. "Up to 224" are encoders whose weights have a place for every pixel of an
image of one size: smaller images are padded, larger ones refused. Train and evaluate them on crops of that size, or
have one built for another, its weights resized where timm can: `+model.backbone.image_size=480` (multiples of 32;
EfficientFormer has none).

**Plain transformers** (ViT, DeiT, BEiT, EVA, DINOv2, DINOv3 ...) have one map, of stride 8, 16 or 32, after their
last norm. ViTDet's simple feature pyramid (`src/fastfcn/models/neck.py`) makes maps of strides 4 to 32, 256 channels
each, of it. Its weights begin at random and learn at the head's rate; pretrained ones fill the encoder alone. An
encoder with patches of 14 pixels is given the image at 14/16 of its size, so that a patch lies on 16 pixels of the
image and all strides are exact. Positions are resized to the image. Their stages (`recipe.frozen_stages`,
`recipe.stage_decay`) are quarters of their blocks. They cannot be dilated.

**Other channels than RGB:** `+model.backbone.in_channels=4`. Pretrained weights of the first convolution are taken
over as timm does it: their sum for one channel, else copies of the three in turn, scaled by 3/N. Mean and deviation
follow: the average of the three for one channel, else theirs in turn; `+model.backbone.mean=[...]` and `std=[...]`
set others, one a channel in 0..1. With `data.channels=N` channels, mean and deviation are those of the
[data](data.md#other-channels-than-rgb).

Parameters are millions, the neck's included. GFLOPs count a multiply-add as two, at 512x512, or at the largest size
that is taken; padding counts. Statistics are mean and deviation of the pretrained weights. Written by `python -m
tests.models.families`; a slow test compares.

| encoder | serves | output strides | sizes | M | GFLOPs | statistics |
|---|---|---|---|---|---|---|
{rows}"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.write_text(page({name: try_encoder(name) for name in FAMILIES}))
