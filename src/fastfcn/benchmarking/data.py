"""Loading and augmenting: whether the network waits for data, or data for the network."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import albumentations as A
import cv2
import lightning as L
import torch
from omegaconf import DictConfig
from rich.table import Table
from torch.utils.data import default_collate

from fastfcn.benchmarking.base import Benchmark
from fastfcn.benchmarking.pillow import as_pictures, augment, decode, to_tensors
from fastfcn.benchmarking.timing import Timing, interleave
from fastfcn.checkpoints import build_network
from fastfcn.composition import build, plain
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.crop import Crop
from fastfcn.data.dataset import Sample, SegmentationData, Split
from fastfcn.data.loading import TrainingLoader, TrainingSamples
from fastfcn.data.opening import build_data
from fastfcn.data.sampling import Draw, TrainingBatches
from fastfcn.data.workers import worker_options
from fastfcn.models.normalisation import RGB
from fastfcn.options import AtLeastOne
from fastfcn.training.class_weights import build_loss
from fastfcn.training.optimisers import recipe_optimiser
from fastfcn.training.recipe import Recipe

Work = Callable[[], object]
Speed = dict[str, float]  # images a second: median, min, max
DECODE, PILLOW, SUITE, STEP = "decoding alone, Pillow", "plain Pillow pipeline", "the suite", "training step"


class DataBenchmark(Benchmark):
    """Measures images a second of the training split of `data`: on one core, with recipe.workers, and as wanted.

    A round takes `images` of them, the same draws by every pipeline; nothing is cached. `step` times the training
    step of the configured model as well, on a batch of recipe.batch_size.
    """

    def __init__(self, *, images: AtLeastOne, step: bool) -> None:
        if images < 1:
            raise ValueError(f"what.images must be 1 or more, got {images}")
        self.images = images
        self.step = step

    def run(self, config: DictConfig, folder: Path) -> None:
        """Measure, print a table, write benchmark.json."""
        if "data" not in config:
            raise ValueError("what=data measures a dataset: give data=NAME, and data.root=PATH where it needs one")
        data = build_data(plain(config.data))
        recipe: Recipe = build(plain(config.recipe), "recipe")
        split = data.split(data.train_split)
        batches = TrainingBatches(
            min(len(split), max(self.images, recipe.batch_size)), batch_size=recipe.batch_size, seed=config.seed
        )
        samples = TrainingSamples(split, build(plain(config.augmentation), "augmentation"))
        draws = list(itertools.chain.from_iterable(batches))
        works = one_core_works(samples, draws)
        loader = f"the suite, {recipe.workers} workers"
        works[loader] = loader_work(samples, batches, recipe.workers)
        if self.step:
            works[STEP] = step_work(config, recipe, samples, next(iter(batches)), data)
        timings = interleave(works, config.rounds, torch.device("cpu"))
        counts = {name: recipe.batch_size if name == STEP else len(draws) for name in works}
        speeds = {name: speed(timing, counts[name]) for name, timing in timings.items()}
        self.report(
            config,
            folder,
            L.Fabric(accelerator=config.trainer.accelerator, devices=1).device,
            size=config.augmentation.crop_size,
            batch=recipe.batch_size,
            classes=len(data.classes),
            data=data.name,
            images=len(draws),
            workers=recipe.workers,
            augmentation=plain(config.augmentation),
            images_per_second=speeds,
            table=table(
                speeds,
                title=f"{data.name}, crops of {config.augmentation.crop_size}, {len(draws)} images a round",
                caption=verdict(speeds[SUITE], speeds[loader], speeds[STEP]) if self.step else None,
            ),
        )


def one_core_works(samples: TrainingSamples, draws: list[Draw]) -> dict[str, Work]:
    """Return what one core does with every draw: decode, the straightforward way, the suite's way."""
    split = samples.split
    crops = [drawn(samples.augmentation, split, draw) for draw in draws]

    def pillow() -> None:
        for draw, crop in zip(draws, crops, strict=True):
            files = split.files(draw.index)
            pictures = decode(*files) if files else as_pictures(split[draw.index])
            to_tensors(*augment(*pictures, crop, samples.augmentation.crop_size))

    def suite() -> None:
        for draw in draws:
            samples[draw]

    def decoding() -> None:
        for draw in draws:
            decode(*split.files(draw.index))

    works = {PILLOW: pillow, SUITE: suite}
    if split.files(0):
        works = {DECODE: decoding, **works}
    return {name: on_one_core(work) for name, work in works.items()}


def drawn(augmentation: Augmentation, split: Split, draw: Draw) -> Crop:
    """Return what the augmentation draws for an example."""
    example = split[draw.index]
    watched = A.Compose(augmentation.training.transforms, save_applied_params=True)
    watched.set_random_seed(draw.seed)
    applied = watched(image=example.image, mask=example.mask)["applied_transforms"]
    crop: Crop = applied[0][1]["crop"]
    return crop


def on_one_core(work: Callable[[], None]) -> Work:
    """Have `work` use one thread, as a loader's worker does."""

    def limited() -> None:
        threads = torch.get_num_threads(), cv2.getNumThreads()
        torch.set_num_threads(1)
        cv2.setNumThreads(0)
        work()
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])

    return limited


def loader_work(samples: TrainingSamples, batches: TrainingBatches, workers: int) -> Work:
    """Return one epoch of the loader; its workers start with the first and stay."""
    loader = TrainingLoader(samples, batch_sampler=batches, **worker_options(workers))

    def epoch() -> None:
        batches.place.batch = 0  # the same images again
        for _ in loader:
            pass

    return epoch


def step_work(
    config: DictConfig, recipe: Recipe, samples: TrainingSamples, draws: list[Draw], data: SegmentationData
) -> Work:
    """Return one training step of the configured model: normalise, forward, backward, update."""
    fabric = L.Fabric(accelerator=config.trainer.accelerator, devices=1, precision=config.trainer.precision)
    network = build_network(plain(config.model), len(data.classes)).train()
    network.statistics.require(RGB, "those of a dataset")
    if recipe.checkpoint_backbone:
        network.backbone.checkpoint_activations()
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    model, optimiser = fabric.setup(network, recipe_optimiser(recipe, network, recipe.lr))
    loss = fabric.to_device(build_loss(plain(config.loss), data))
    batch: Sample = default_collate([samples[draw] for draw in draws])
    images, masks = fabric.to_device(batch.image), fabric.to_device(batch.mask)

    def step() -> None:
        optimiser.zero_grad()
        prediction = model(images, upsample=False)
        losses = loss(prediction, masks.long(), align_corners=network.align_corners)
        fabric.backward(losses.total)
        optimiser.step()
        losses.total.item()  # waits for the device

    return step


def speed(timing: Timing, images: int) -> Speed:
    """Return median, lowest and highest images a second."""
    figures = {"median": timing.median, "min": max(timing.seconds), "max": min(timing.seconds)}
    return {name: round(images / seconds, 2) for name, seconds in figures.items()}


def verdict(one_core: Speed, loader: Speed, step: Speed) -> str:
    """Say which side waits."""
    ready, wanted = loader["median"], step["median"]
    if ready < wanted:
        needed = math.ceil(wanted / one_core["median"])
        return (
            f"the network waits: it takes {wanted:.1f} images a second and gets {ready:.1f}; "
            f"about {needed} workers on cores of their own would keep up (recipe.workers={needed})"
        )
    return f"the data wait: {ready:.1f} images a second are ready and the network takes {wanted:.1f}"


def table(speeds: dict[str, Speed], *, title: str, caption: str | None) -> Table:
    """Lay out the measured speeds beside each other."""
    shown = Table(title=title, caption=caption)
    shown.add_column("")
    references = [name for name in (DECODE, PILLOW) if name in speeds]
    for name in ("images/s, median (range)", *(f"x {reference}" for reference in references)):
        shown.add_column(name, justify="right")
    for name, figures in speeds.items():
        ratios = [f"{figures['median'] / speeds[reference]['median']:.2f}" for reference in references]
        shown.add_row(name, f"{figures['median']:.1f} ({figures['min']:.1f}-{figures['max']:.1f})", *ratios)
    return shown
