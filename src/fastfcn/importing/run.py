"""Import a released checkpoint as one of this project's."""

import io
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from fastfcn.checkpoints import NETWORK, Description, build_network, load_weights, write_atomically
from fastfcn.composition import build, plain, require_known
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.palette import voc_palette
from fastfcn.evaluation.run import TRAINING_ONLY
from fastfcn.importing import authors, mmseg
from fastfcn.importing.reading import read_weights
from fastfcn.importing.source import Translation

FAMILIES: tuple[ModuleType, ...] = (authors, mmseg)
BASE_SIZE, CROP_SIZE = 520, 480  # the authors' defaults


@dataclass(frozen=True)
class ImportConfig:
    """The root of conf/import_checkpoint.yaml, resolved."""

    source: str
    output: str
    output_stride: int | None
    data: dict[str, Any]


def import_checkpoint(config: DictConfig) -> None:
    """Convert config.source into config.output; nothing is written unless every tensor found its place."""
    for key in config:
        require_known(str(key), (*TRAINING_ONLY, *ImportConfig.__dataclass_fields__))
    chosen = OmegaConf.masked_copy(config, [str(key) for key in config if key not in TRAINING_ONLY])
    settings = ImportConfig(**plain(chosen))
    source = Path(settings.source)
    translation = translate(source, settings.output_stride)
    network = build_network(translation.model, translation.num_classes)
    load_weights(network, translation.weights, source)
    description = _describe(translation, settings.data)
    content = {
        "state_dict": {NETWORK + name: tensor for name, tensor in network.state_dict().items()},
        "hyper_parameters": description.to_dict(),
        "global_step": 0,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(Path(settings.output), buffer.getvalue())
    head, upsampling = (translation.model[name]["_target_"].rpartition(".")[2] for name in ("head", "upsampling"))
    print(
        f"{settings.output}: {head} with {upsampling} on {network.backbone.name} at output stride "
        f"{network.backbone.output_stride}, {translation.num_classes} classes, {len(translation.weights)} tensors"
    )
    print(f"not used: {', '.join(translation.unused) or 'none'}")


def translate(source: Path, output_stride: int | None) -> Translation:
    """Read and recognise a checkpoint. Raises ValueError if it is of no known family."""
    weights = read_weights(source)
    for family in FAMILIES:
        if family.recognise(weights):
            translation: Translation = family.translate(weights, output_stride)
            return translation
    if "conv1.0.weight" in weights and "fc.weight" in weights:
        raise ValueError(
            f"{source} is a bare backbone: train with model.backbone.weights={source}, no import is needed"
        )
    raise ValueError(
        f"{source} is neither the authors' FastFCN (pretrained.*, head.*) nor mmsegmentation's "
        f"(backbone.*, decode_head.*): it holds {', '.join(list(weights)[:3])}, ..."
    )


def _describe(translation: Translation, node: dict[str, Any]) -> Description:
    count = translation.num_classes
    if node.get("_target_") is None:
        classes = tuple(f"class {index}" for index in range(count))
        return Description(translation.model, {}, classes, voc_palette(count), BASE_SIZE, CROP_SIZE)
    data: SegmentationData = build(node, "data")
    if len(data.classes) != count:
        raise ValueError(f"the checkpoint has {count} classes, data={data.name} has {len(data.classes)}")
    return Description(translation.model, node, data.classes, data.palette, BASE_SIZE, CROP_SIZE)
