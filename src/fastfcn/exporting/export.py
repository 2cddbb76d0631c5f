"""Export a checkpoint: trace, write, read back, compare, measure; only what agrees gets its name."""

import copy
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import Checkpoint, network_of, read_checkpoint
from fastfcn.composition import build, typed, without_training
from fastfcn.data.dataset import Pixels, SegmentationData, UInt8
from fastfcn.data.labelled import SCORING, require_labelled
from fastfcn.evaluation.evaluate import open_data
from fastfcn.exporting.certificate import Certificate, Score, measure_costs
from fastfcn.exporting.config import ExportConfig
from fastfcn.exporting.deployed import Deployed, trace
from fastfcn.exporting.feeding import network_of_file
from fastfcn.exporting.formats import Format, Opened
from fastfcn.exporting.manifest import Manifest
from fastfcn.exporting.parity import Parity, compare, require_parity
from fastfcn.exporting.scoring import score
from fastfcn.exporting.unfinished import unfinished
from fastfcn.files import require_folders
from fastfcn.models.cost import network_facts
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter
from fastfcn.models.padding import Padding
from fastfcn.models.segmenter import Segmenter
from fastfcn.prediction.journal import digest


def export(config: DictConfig) -> None:
    """Write the file that is asked for and its certificate, or nothing."""
    keep_freed_memory()
    settings = typed(ExportConfig, without_training(config))
    format_: Format = build(settings.format, "format")
    output = require_place(settings, format_)
    format_.require()
    checkpoint = read_checkpoint(settings.checkpoint)
    network = network_of(checkpoint)
    manifest = describe(checkpoint, network, settings)
    require_exportable(network, manifest, format_)
    data = open_data(checkpoint, settings.data)
    network.statistics.require(data.channels, f"those of data={data.name}")
    if data.dtype != np.uint8 and settings.input == "uint8":
        raise ValueError(f"input=uint8 would round the images of data={data.name} to 256 values; give input=float")
    if settings.score is not None:
        require_labelled(data, settings.score, SCORING)
    images = pick(data, settings.split or data.val_split, settings.compare)
    calibration = pick(data, data.train_split, settings.calibration) if manifest.precision == "int8" else []
    with unfinished(output) as folder:
        path = folder / output.name
        deployed = Deployed(copy.deepcopy(network), manifest, format_.dtype(manifest.precision))
        format_.write(trace(deployed, manifest), manifest, path, calibration)
        opened = format_.open(path)
        parity = compare(network, opened, images)
        require_parity(parity, settings)
        certificate = certify(network, opened, parity, data, images[0], settings)
        files = sorted(folder.iterdir(), key=lambda file: file != path)
        certificate.write(folder / f"{output.name}.certificate", files)
        page = certificate.page(files)
    print(page)
    print(output)


def require_place(settings: ExportConfig, format_: Format) -> Path:
    """Return where to write. Raises ValueError for a name or precision that does not fit, or a file that is there."""
    output = Path(settings.output)
    if output.suffix != format_.suffix:
        raise ValueError(f"output={output} must end in {format_.suffix} with this format=")
    if settings.precision not in format_.precisions:
        known = ", ".join(format_.precisions)
        raise ValueError(f"precision={settings.precision} is not for {format_.suffix} files, which take {known}")
    if output.is_dir():
        raise ValueError(f"output={output} is a folder; give a file that ends in {format_.suffix}")
    if output.exists() and not settings.overwrite:
        raise ValueError(f"{output} exists; give another output=, or overwrite=true")
    require_folders(output.parent)
    return output


def describe(checkpoint: Checkpoint, network: Segmenter, settings: ExportConfig) -> Manifest:
    """Return what the file is to say of itself."""
    description, size = checkpoint.description, settings.size
    return Manifest(
        classes=description.classes,
        palette=description.palette,
        input=settings.input,
        outputs=settings.outputs,
        precision=settings.precision,
        size=(size, size) if isinstance(size, int) else None if size is None else (size[0], size[1]),
        batch=settings.batch,
        mean=network.statistics.mean,
        std=network.statistics.std,
        align_corners=network.align_corners,
        base_size=description.augmentation.get("base_size"),
        crop_size=description.augmentation.get("crop_size"),
        checkpoint=digest(checkpoint.path),
        **network_facts(network),
    )


def require_exportable(network: Segmenter, manifest: Manifest, format_: Format) -> None:
    """Raise ValueError, naming the part, for a network that is known not to pass into the format."""
    backbone = network.backbone
    if manifest.size is None and backbone.padding != Padding():
        raise ValueError(
            f"model.backbone.name={backbone.name} wants images padded, which a file for any size cannot do: "
            "give size=N or size=[HEIGHT,WIDTH]"
        )
    if manifest.size is not None:
        backbone.padding.require(*manifest.size)
    if (obstacle := format_.obstacle(network, manifest)) is not None:
        raise ValueError(f"{format_.suffix} files cannot hold {obstacle}; format=torch can")


def certify(
    network: Segmenter,
    opened: Opened,
    parity: Parity,
    data: SegmentationData,
    image: UInt8,
    settings: ExportConfig,
) -> Certificate:
    """Measure what is asked for, time at the size of `image` (C, H, W); the network is taken over."""
    suite = file = scored = None
    if settings.score is not None:
        own = FastSegmenter(copy.deepcopy(network), compile_after=COMPILE_AFTER)
        both = (score(each, data, settings.score, workers=settings.workers) for each in (own, network_of_file(opened)))
        scored = Score(data.name, settings.score, len(data.split(settings.score)), *both)
    if settings.rounds:
        suite, file = measure_costs(network, opened, (image.shape[-2], image.shape[-1]), settings.rounds)
    return Certificate(opened.manifest, parity, suite, file, scored, opened.engine)


def pick(data: SegmentationData, name: str, count: int) -> list[UInt8]:
    """Return images (C, H, W) spread evenly over a split."""
    split = data.split(name)
    indices = sorted({int(index) for index in np.linspace(0, len(split) - 1, min(count, len(split)))})
    return [np.ascontiguousarray(as_bytes(split[index].image).transpose(2, 0, 1)) for index in indices]


def as_bytes(image: Pixels) -> UInt8:
    """Round an image of floats in 0..1 to 256 values: enough to compare by."""
    return image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8)
