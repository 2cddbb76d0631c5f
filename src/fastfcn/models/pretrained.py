"""Pretrained backbone weights: the only place that may download, called by the training script alone."""

from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from fastfcn.foreign_weights import read_weights
from fastfcn.models.backbone import Backbone
from fastfcn.models.encoder import TIMM, build_encoder
from fastfcn.models.normalisation import RGB
from fastfcn.models.packaged import read_packaged
from fastfcn.tensors import require_finite

IMAGENET_TAGS = {"resnet50s": "gluon_in1k", "resnet101s": "gluon_in1k", "resnet152s": "gluon_in1k"}
CLASSIFIER = (
    "fc.",
    "last_linear.",
    "classifier.",
    "head.fc.",
)  # the parts of a classification network that a backbone drops


def load_pretrained(backbone: Backbone) -> str | None:
    """Fill `backbone` as its `weights` say: None, `imagenet` (installed, or downloaded once) or a state dict's path.

    Returns what was loaded, for the log. Raises ValueError if the weights cannot be had or do not fit.
    """
    if backbone.weights is None:
        return None
    if backbone.weights == "imagenet":
        weights, source = _download(backbone)
    else:
        weights, source = _read(Path(backbone.weights), backbone), backbone.weights
    own = backbone.encoder.state_dict()
    weights = {name: _adapted(tensor, own.get(name)) for name, tensor in weights.items()}
    unfit = [name for name, tensor in own.items() if not _fits(weights.get(name), name, tensor)]
    if unfit:
        raise ValueError(
            f"model.backbone.weights={backbone.weights} does not fit {backbone.name}: "
            f"{len(unfit)} tensors are missing or of another shape, first {', '.join(unfit[:3])}"
        )
    require_finite({name: weights[name] for name in own if name in weights}, source)
    # SMP overrides load_state_dict in ways that differ by encoder; the tensors are checked above
    nn.Module.load_state_dict(backbone.encoder, {name: weights[name] for name in own if name in weights}, strict=False)
    return source


def _adapted(tensor: Tensor, own: Tensor | None) -> Tensor:
    """Make of a first convolution that reads RGB one for other channels: their sum for one, else copies in turn."""
    if own is None or tensor.ndim != 4 or tensor.shape == own.shape or tensor.shape[1] != RGB:
        return tensor
    return adapt_input_conv(own.shape[1], tensor) if own.ndim == 4 else tensor


def _fits(tensor: Tensor | None, name: str, own: Tensor) -> bool:
    if name.endswith("num_batches_tracked"):  # which files from before PyTorch 0.4.1 lack
        return tensor is None or (tensor.shape == own.shape and not tensor.is_floating_point())
    return tensor is not None and tensor.shape == own.shape and tensor.is_floating_point() == own.is_floating_point()


def _download(backbone: Backbone) -> tuple[dict[str, Tensor], str]:
    name = backbone.name
    packaged = read_packaged(name)
    if packaged is not None:
        return packaged
    try:
        if name.startswith(TIMM):
            model = name.removeprefix(TIMM)
            if "." not in model and model in IMAGENET_TAGS:
                model = f"{model}.{IMAGENET_TAGS[model]}"
            if not timm.models.is_model_pretrained(model):
                raise ValueError(f"timm has no pretrained weights for {model}")
            encoder = build_encoder(f"{TIMM}{model}", image_size=backbone.image_size, weights="imagenet")
            return encoder.state_dict(), model
        return build_encoder(name, weights="imagenet").state_dict(), f"{name} (imagenet)"
    except Exception as error:  # the hub's client raises errors of many libraries
        raise ValueError(
            f"model.backbone.weights=imagenet cannot be had for {name} ({type(error).__name__}: "
            f"{str(error).splitlines()[0][:120]}); connect to the network, give model.backbone.weights=PATH, or train "
            "from random weights with model.backbone.weights=null"
        ) from error


def _read(path: Path, backbone: Backbone) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"model.backbone.weights={path} is no file; use null, imagenet or the path of a state dict")
    if path.suffix == ".safetensors":
        try:
            weights: dict[str, Tensor] = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is truncated, damaged or no safetensors file ({error})") from error
    else:
        weights = read_weights(path)
    return {name: tensor for name, tensor in _own_names(weights, backbone).items() if not name.startswith(CLASSIFIER)}


def _own_names(weights: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """Give the tensors of a timm file the encoder's names: its wrappers in front, and stages_0 for stages.0."""
    if not backbone.name.startswith(TIMM):
        return weights
    names = {_plain_name(own): own for own in backbone.encoder.state_dict()}
    return {names.get(_plain_name(name), name): tensor for name, tensor in weights.items()}


def _plain_name(name: str) -> str:
    return name.removeprefix("model.").removeprefix("model.").replace("_", ".")
