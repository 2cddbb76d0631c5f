"""Import a released checkpoint as one of this project's."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from omegaconf import DictConfig
from torch import Tensor

from fastfcn.checkpoints import build_backed, outline, write_checkpoint
from fastfcn.composition import typed, without_training
from fastfcn.data.folder import MAX_CLASSES
from fastfcn.data.opening import build_data
from fastfcn.data.palette import voc_palette
from fastfcn.description import Description
from fastfcn.files import write_atomically
from fastfcn.foreign_weights import read_weights
from fastfcn.importing import authors, mmseg
from fastfcn.importing.source import Translation, resnet_depth
from fastfcn.models.backbone import Backbone
from fastfcn.models.pretrained import load_pretrained
from fastfcn.models.segmenter import Segmenter
from fastfcn.options import Name

FAMILIES: tuple[ModuleType, ...] = (authors, mmseg)


@dataclass(frozen=True)
class ImportConfig:
    """The root of conf/import_checkpoint.yaml, resolved."""

    source: Name
    output: Name
    output_stride: Literal[8, 16, 32] | None
    data: dict[str, Any]


def import_checkpoint(config: DictConfig) -> None:
    """Convert config.source into config.output; nothing is written unless every tensor found its place."""
    settings = typed(ImportConfig, without_training(config))
    source = Path(settings.source)
    weights = read_weights(source)
    if is_backbone(weights):
        import_backbone(weights, source, Path(settings.output))
        return
    translation, description, network = rebuild(weights, source, settings)
    write_checkpoint(Path(settings.output), description, network.state_dict())
    head, upsampling = (translation.model[name]["_target_"].rpartition(".")[2] for name in ("head", "upsampling"))
    print(
        f"{settings.output}: {head} with {upsampling} on {network.backbone.name} at output stride "
        f"{network.backbone.output_stride}, {translation.num_classes} classes, {len(translation.weights)} tensors"
    )
    print(f"not used: {', '.join(translation.unused) or 'none'}")


def rebuild(
    weights: dict[str, Tensor], source: Path, settings: ImportConfig
) -> tuple[Translation, Description, Segmenter]:
    """Find out the network that `weights` are of, and build it with them. Raises ValueError if they are of none."""
    translation = translate(weights, source, settings.output_stride)
    description = _describe(translation, settings.data)
    model, num_classes = translation.model, translation.num_classes
    outlined = outline(model, num_classes, source)
    complete = with_counters(translation.weights, outlined)
    return translation, description, build_backed(model, num_classes, complete, source, outlined)


def with_counters(weights: Mapping[str, Tensor], network: Segmenter) -> dict[str, Tensor]:
    """Add BatchNorm's counters of batches, which files from before PyTorch 0.4.1 lack and nothing here reads."""
    counters = [name for name in network.state_dict() if name.endswith("num_batches_tracked")]
    return {**{name: torch.tensor(0) for name in counters}, **weights}


def is_backbone(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether these are the authors' ImageNet weights: a ResNet with a deep stem and its classifier."""
    return "conv1.0.weight" in weights and "layer4.0.conv1.weight" in weights


def import_backbone(weights: dict[str, Tensor], source: Path, output: Path) -> None:
    """Write the authors' backbone as a state dict for model.backbone.weights=, once it is known to fit."""
    name = f"tu-resnet{resnet_depth(weights, '')}s"
    load_pretrained(Backbone(name, weights=str(source)))
    kept = {key: tensor for key, tensor in weights.items() if not key.startswith("fc.")}
    buffer = io.BytesIO()
    torch.save({"state_dict": kept}, buffer)
    write_atomically(output, buffer.getvalue())
    unused = [key for key in weights if key not in kept]
    print(f"{output}: the backbone {name}; train with model.backbone.name={name} model.backbone.weights={output}")
    print(f"not used: {', '.join(unused) or 'none'}")


def translate(weights: dict[str, Tensor], source: Path, output_stride: int | None) -> Translation:
    """Recognise a checkpoint and put it in our terms. Raises ValueError if it is of no known family."""
    for family in FAMILIES:
        if family.recognise(weights):
            translation: Translation = family.translate(weights, output_stride)
            if not 1 < translation.num_classes <= MAX_CLASSES:
                raise ValueError(f"{source} has {translation.num_classes} classes, and 2 to {MAX_CLASSES} are allowed")
            return translation
    raise ValueError(
        f"{source} is neither the authors' FastFCN (pretrained.*, head.*) nor mmsegmentation's "
        f"(backbone.*, decode_head.*): it holds {', '.join(list(weights)[:3])}, ..."
    )


def _describe(translation: Translation, node: dict[str, Any]) -> Description:
    count = translation.num_classes
    if node.get("_target_") is None:
        classes = tuple(f"class {index}" for index in range(count))
        return Description(translation.model, classes, voc_palette(count), data={}, recipe={}, augmentation={}, run={})
    data = build_data(node)
    if len(data.classes) != count:
        raise ValueError(f"the checkpoint has {count} classes, data={data.name} has {len(data.classes)}")
    return Description(translation.model, data.classes, data.palette, data=node, recipe={}, augmentation={}, run={})
