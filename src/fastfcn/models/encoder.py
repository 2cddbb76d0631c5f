"""Encoders by name: those of segmentation-models-pytorch, and of timm as `tu-NAME`."""

import difflib
import inspect
import re
import sys
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import nn

from fastfcn.models.dilation import dilate
from fastfcn.models.normalisation import RGB
from fastfcn.models.padding import FAILURES
from fastfcn.models.plain import PlainEncoder

TIMM = "tu-"


def build_encoder(
    name: str,
    output_stride: int = 32,
    *,
    in_channels: int = RGB,
    image_size: int | None = None,
    weights: str | None = None,
) -> nn.Module:
    """Build an encoder with random weights, or those of `weights`, which SMP and timm download.

    Raises ValueError if there is none of that name, or none that can serve.
    """
    if not re.fullmatch(r"[\w.-]+", name):  # timm would ask a hub or read a folder for names such as hf-hub:OWNER/NAME
        raise ValueError(f"model.backbone.name={name} is not an SMP encoder; it is a plain name such as tu-resnet50s")
    from_timm = name.startswith(TIMM)
    options = _size_options(name, image_size)
    try:
        encoder: nn.Module = smp.encoders.get_encoder(
            name,
            depth=5,
            weights=weights and (from_timm or weights),  # to timm, SMP says yes or no
            in_channels=in_channels,
            output_stride=output_stride if from_timm else 32,
            **options,
        )
        if output_stride < 32 and not from_timm:
            dilate(encoder, output_stride)
    except (*FAILURES, LookupError, TypeError, AttributeError) as error:
        if from_timm and output_stride == 32 and "downsampling pattern" in str(error):  # no pyramid, says SMP
            return _plain(name, in_channels, pretrained=weights is not None, **options)
        raise ValueError(_explain(name, output_stride, error)) from error
    return encoder


def _plain(name: str, in_channels: int, **options: Any) -> PlainEncoder:
    try:
        return PlainEncoder(name.removeprefix(TIMM), in_channels, **options)
    except (*FAILURES, LookupError, TypeError, AttributeError) as error:
        raise ValueError(_explain(name, 32, error)) from error


def own_size(encoder: nn.Module) -> int | None:
    """Return the side of the images that a timm encoder was built for; None for those of SMP."""
    model = getattr(encoder, "model", None)
    config = getattr(model, "pretrained_cfg", None)
    if config is None:
        return None
    size: tuple[int, int] = getattr(model, "_traits", {}).get("img_size") or config["input_size"][-2:]
    return max(size)


def _size_options(name: str, image_size: int | None) -> dict[str, Any]:
    """Return what timm is told, so that an encoder takes images of any size, or else of `image_size`."""
    taken = _taken(name)
    if "dynamic_img_size" in taken and image_size is None:
        return {"dynamic_img_size": True}
    if image_size is None:
        return {}
    if "img_size" not in taken or "dynamic_img_size" in taken:
        raise ValueError(
            f"model.backbone.image_size={image_size} is for encoders built for one size, as docs/backbones.md lists "
            f"them; {name} is none: leave it out"
        )
    return {"img_size": image_size}


def _taken(name: str) -> set[str]:
    """Return the options that the networks in timm's file of `name` take; none for other encoders."""
    model = name.removeprefix(TIMM)
    if model == name or not timm.models.is_model(model):
        return set()
    file = sys.modules[timm.models.model_entrypoint(model).__module__]
    networks = [each for each in vars(file).values() if inspect.isclass(each) and issubclass(each, nn.Module)]
    return {option for each in networks for option in inspect.signature(each).parameters}


def no_dilation(name: str, output_stride: int) -> str:
    """Say that an encoder cannot be dilated, and what to do instead."""
    return (
        f"model.backbone.name={name} cannot be dilated to output stride {output_stride}; "
        "use model.backbone.output_stride=32 with model/upsampling=jpu, or a ResNet"
    )


def _explain(name: str, output_stride: int, error: Exception) -> str:
    known = [*smp.encoders.get_encoder_names(), *(f"{TIMM}{model}" for model in timm.list_models())]
    if name.split(".")[0] not in known:
        close = ", ".join(difflib.get_close_matches(name, known, n=3)) or "resnet50, tu-resnet50s"
        return f"model.backbone.name={name} is not an SMP encoder; close names: {close}"
    if output_stride < 32:
        return no_dilation(name, output_stride)
    return (
        f"model.backbone.name={name} cannot serve as a backbone: no maps at strides 4 to 32 can be made of it "
        f"({error}); docs/backbones.md lists those that can"
    )
