"""The temperature at which a network's probabilities are as often right as they say (Guo et al. 2017, section 4.2)."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.composition import typed
from fastfcn.data.dataset import IGNORE
from fastfcn.files import write_atomically
from fastfcn.options import AtLeastOne, Fraction, Name, NotNegative, holds
from fastfcn.reading import read_bytes

LOWEST, HIGHEST = 0.05, 20.0
STEPS = 60  # of the golden section: to 1e-12 of the range
GOLDEN = (math.sqrt(5) - 1) / 2
BINS = 15  # Guo et al.'s
MOST_BYTES = 10_000

Temperature = Annotated[float, holds(f"between {LOWEST} and {HIGHEST:g}", lambda value: LOWEST <= value <= HIGHEST)]


@dataclass(frozen=True)
class Quality:
    """How probabilities stand to the truth: mean negative log likelihood, and expected calibration error (0..1)."""

    likelihood: NotNegative
    error: Fraction


@dataclass(frozen=True)
class Calibration:
    """The temperature of a checkpoint, whose SHA-256 is `checkpoint`, by a split that `data` names."""

    temperature: Temperature
    checkpoint: Name
    data: Name
    split: Name
    protocol: Name
    images: AtLeastOne
    pixels: AtLeastOne
    error_before: Fraction
    error_after: Fraction


def sample(scores: Tensor, mask: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw up to `count` labelled pixels: their scores (N, C) of (C, H, W), and classes (N,) of `mask` (H, W)."""
    labelled = (mask.flatten() != IGNORE).nonzero().squeeze(1)
    chosen = labelled[torch.randperm(len(labelled), generator=generator)[:count].to(labelled.device)]
    return scores.flatten(1)[:, chosen].T.float().cpu(), mask.flatten()[chosen].long().cpu()


def measure(scores: Tensor, truth: Tensor, temperature: float) -> Quality:
    """Measure the probabilities of `scores` (N, C) at a temperature."""
    from torchmetrics.functional.classification import multiclass_calibration_error  # seconds that predict.py is spared

    scaled = scores / temperature
    error = multiclass_calibration_error(scaled.softmax(1), truth, scores.shape[1], n_bins=BINS, norm="l1")
    return Quality(float(F.cross_entropy(scaled, truth)), float(error))


def fit_temperature(scores: Tensor, truth: Tensor) -> float:
    """Find the temperature of the largest likelihood, which has one maximum, by golden section of its logarithm."""
    low, high = math.log(LOWEST), math.log(HIGHEST)

    def loss(place: float) -> float:
        return float(F.cross_entropy(scores / math.exp(place), truth))

    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    values = loss(left), loss(right)
    for _ in range(STEPS):
        if values[0] < values[1]:
            high, right = right, left
            left = high - GOLDEN * (high - low)
            values = loss(left), values[0]
        else:
            low, left = left, right
            right = low + GOLDEN * (high - low)
            values = values[1], loss(right)
        if high - low < 1e-5:
            break
    return math.exp((low + high) / 2)


def calibration_path(checkpoint: str | Path) -> Path:
    """Return where the calibration of a checkpoint is kept: beside it."""
    return Path(f"{checkpoint}.calibration.json")


def write_calibration(checkpoint: str | Path, calibration: Calibration) -> Path:
    """Keep a calibration beside its checkpoint."""
    path = calibration_path(checkpoint)
    write_atomically(path, (json.dumps(asdict(calibration), indent=2) + "\n").encode())
    return path


def read_calibration(checkpoint: str | Path, digest: str) -> Calibration:
    """Read the calibration of the checkpoint that has this SHA-256. Raises ValueError if there is none of it."""
    path = calibration_path(checkpoint)
    remedy = f"python src/calibrate.py checkpoint={checkpoint} makes one; or give temperature=NUMBER"
    if not path.exists():
        raise ValueError(f"temperature=calibrated needs {path}, which is not here; {remedy}")
    try:
        calibration = typed(Calibration, json.loads(read_bytes(path, MOST_BYTES)))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no calibration that this version wrote ({error}); {remedy}") from error
    if calibration.checkpoint != digest:
        raise ValueError(f"{path} is that of another checkpoint; {remedy}")
    return calibration


def temperature_of(wanted: float | Literal["calibrated"], checkpoint: str | Path, digest: str, protocol: str) -> float:
    """Return the temperature that is meant. Raises ValueError if it was not calibrated by that protocol."""
    if wanted != "calibrated":
        return wanted
    calibration = read_calibration(checkpoint, digest)
    if calibration.protocol != protocol:
        raise ValueError(
            f"{calibration_path(checkpoint)} was calibrated by protocol {calibration.protocol}, this predicts by "
            f"{protocol}: python src/calibrate.py checkpoint={checkpoint} with the same protocol="
        )
    return calibration.temperature


def pooled(samples: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Join the pixels of several images."""
    scores, truth = zip(*samples, strict=True)
    return torch.cat(scores), torch.cat(truth)
