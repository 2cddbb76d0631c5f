"""A small encoder of every family of segmentation-models-pytorch and timm, what they can do, and docs/backbones.md.

python -m tests.models.families writes the page anew (some minutes).
"""

import os
from collections import defaultdict
from dataclasses import dataclass

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from fastfcn.entry import CONF
from fastfcn.models.backbone import Backbone

PAGE = CONF.parent / "docs" / "backbones.md"
SIZES = ((65, 97), (40, 300), (24, 500), (1, 1))
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
    "tu-coatnet_0_224", "tu-caformer_s18", "tu-gmlp_ti16_224", "tu-lcnet_035", "tu-mobilenetv5_base",
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
    """`refusal` is the one line that an encoder is refused with, or None."""

    refusal: str | None
    dilates: bool = False
    multiple: int = 1
    least: int = 1


def try_encoder(name: str) -> Finding:
    """Build one and run it on SIZES. Raises whatever a user would see as a traceback."""
    try:
        backbone = Backbone(name).eval()
    except ValueError as error:
        return Finding(str(error))
    with torch.no_grad():
        for height, width in SIZES:
            maps = backbone(torch.zeros(1, 3, height, width))
            for each in (maps.c2, maps.c3, maps.c4, maps.c5):
                assert 0 not in each.shape, f"{name} leaves nothing of {height}x{width}"
                assert torch.isfinite(each).all()
    return Finding(None, _dilates(name), backbone.padding.multiple, backbone.padding.least)


def _dilates(name: str) -> bool:
    try:
        for stride in (8, 16):
            Backbone(name, output_stride=stride).eval()(torch.zeros(1, 3, 65, 97))
    except ValueError:
        return False
    return True


def describe(finding: Finding) -> tuple[str, str, str]:
    """Return the page's words: serves, output strides, sizes or the reason."""
    if finding.refusal is not None:
        fixed = "of any size" in finding.refusal
        return "no", "", "wants one size, or no small maps" if fixed else "has no maps at strides 4, 8, 16 and 32"
    strides = "8, 16, 32" if finding.dilates else "32"
    if finding.multiple > 1:
        return "yes", strides, f"sides padded to multiples of {finding.multiple}"
    return "yes", strides, f"sides below {finding.least} pixels padded" if finding.least > 1 else "any"


def page(findings: dict[str, Finding]) -> str:
    """Write docs/backbones.md."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, finding in findings.items():
        groups[describe(finding)].append(f"`{name}`")
    rows = [f"| {' | '.join(group)} | {', '.join(groups[group])} |\n" for group in sorted(groups, reverse=True)]
    served = sum(finding.refusal is None for finding in findings.values())
    return f"""# Backbones

`model.backbone.name=` takes any encoder of segmentation-models-pytorch, and timm's under `tu-NAME`. One small member of
each of {len(findings)} families was built and run on images of 65x97, 40x300, 24x500 and 1x1: {served} serve. The
others of a family do as a rule what this one does. Each is tried when it is built: one that cannot serve is refused in
one line. Written by `python -m tests.models.families`; a slow test compares.

Padding is right and bottom, with zeros in the normalised image (its mean colour, and what a convolution pads with);
maps and logits leave it out. An image that needs none is not changed.

| serves | output strides | sizes | encoders |
|---|---|---|---|
{"".join(rows)}"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.write_text(page({name: try_encoder(name) for name in FAMILIES}))
