"""A budget instead of epochs: as many steps, operations or seconds for every network that is compared."""

import copy
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch

from fastfcn.benchmarking.timing import synchronise
from fastfcn.checkpoints import Checkpoint
from fastfcn.composition import build
from fastfcn.fitting import require_fields
from fastfcn.models.cost import gflops
from fastfcn.models.segmenter import Segmenter
from fastfcn.numerics import autocast
from fastfcn.options import AtLeastOne, Positive
from fastfcn.training.config import RunConfig
from fastfcn.training.losses import SegmentationLoss

log = logging.getLogger(__name__)

PASSES = 3  # a forward pass, and about two more for the gradients of inputs and of weights
TIMED_STEPS = 5


@dataclass(frozen=True)
class Batches:
    """What an optimiser step reads: `count` batches of `size` crops in each of `processes`."""

    size: int
    count: int
    processes: int
    crop_size: int

    @property
    def images(self) -> int:
        """The crops of a step over all processes."""
        return self.size * self.count * self.processes


@dataclass(frozen=True)
class Budget:
    """What a training may spend, or nothing where recipe.epochs counts: one of the three.

    `steps` of the optimiser; `gflops` of all passes, the auxiliary head's included; `seconds` of forward passes, losses
    and gradients, as TIMED_STEPS of them take on this machine before training begins, in its precision but uncompiled,
    loading and validation apart.
    """

    steps: AtLeastOne | None = None
    gflops: Positive | None = None
    seconds: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse values that are no budget, and two at once."""
        require_fields(self, "budget")
        if len(self._given()) > 1:
            raise ValueError(f"give one budget, not both {' and '.join(f'budget.{name}' for name in self._given())}")

    def optimiser_steps(self, network: Segmenter, batches: Batches, seconds_a_step: Callable[[], float]) -> int | None:
        """Return the number of steps that the budget pays for; None without one.

        Raises ValueError for less than one, and for seconds of several processes, which would each count their own.
        """
        if not self._given():
            return None
        if self.steps is not None:
            return self.steps
        if self.seconds is None:
            assert self.gflops is not None
            steps = round(self.gflops / training_gflops(network, batches))
        elif batches.processes > 1:
            raise ValueError("budget.seconds counts those of one process; give budget.steps or budget.gflops")
        else:
            steps = round(self.seconds / seconds_a_step())
        if steps == 0:
            raise ValueError(f"budget.{self._given()[0]} pays for less than one step; raise it")
        return steps

    def _given(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


def training_gflops(network: Segmenter, batches: Batches) -> float:
    """Return the operations of an optimiser step over all processes, in 1e9, as `gflops` counts them."""
    return PASSES * batches.images * gflops(network, batches.crop_size)


def measure_step(network: Segmenter, loss: SegmentationLoss, batches: Batches, settings: RunConfig) -> float:
    """Return the seconds of a step: the median of passes of copies over random crops, after one to warm up."""
    cuda = torch.cuda.is_available() and settings.trainer["accelerator"] != "cpu"
    device, precision = torch.device("cuda" if cuda else "cpu"), settings.trainer["precision"]
    network, loss = copy.deepcopy(network).to(device).train(), copy.deepcopy(loss).to(device)
    if settings.recipe["channels_last"]:
        network.to(memory_format=torch.channels_last)
    half = precision if precision in ("bf16-mixed", "16-mixed") else "32-true"
    seconds = []
    with torch.random.fork_rng():
        shape = (batches.size, network.statistics.channels, batches.crop_size, batches.crop_size)
        images = torch.randn(shape, device=device)
        masks = torch.zeros(shape[0], *shape[2:], dtype=torch.long, device=device)
        for _ in range(TIMED_STEPS + 1):
            synchronise(device)
            started = time.perf_counter()
            with autocast(half, device):
                losses = loss(network(images, upsample=False), masks, align_corners=network.align_corners)
            losses.total.backward()
            synchronise(device)
            seconds.append(time.perf_counter() - started)
    return batches.count * statistics.median(seconds[1:])


def batches_of(settings: RunConfig) -> Batches:
    """Say what an optimiser step reads."""
    return Batches(
        size=settings.recipe["batch_size"],
        count=settings.trainer["accumulate_grad_batches"],
        processes=settings.devices * settings.num_nodes,
        crop_size=settings.augmentation["crop_size"],
    )


def budgeted_steps(
    settings: RunConfig, network: Segmenter, loss: SegmentationLoss, resumed: Checkpoint | None
) -> int | None:
    """Return the steps that the budget pays for; None where recipe.epochs counts.

    A resumed run keeps the steps that its seconds were found to pay for.
    """
    budget: Budget = build(settings.budget, "budget")
    known = None if resumed is None else resumed.description.run.get("steps")
    if budget.seconds is not None and known is not None:
        return known
    batches = batches_of(settings)
    steps = budget.optimiser_steps(network, batches, partial(measure_step, network, loss, batches, settings))
    if steps is not None:
        log.info("the budget pays for %d steps of %d images; recipe.epochs does not count", steps, batches.images)
    return steps
