"""What a network's scores say of each pixel: its class, how sure that is, and where it had better not say."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastfcn.data.dataset import IGNORE, UInt8

UNKNOWN = IGNORE  # the index of a pixel that is given no class
Measure = Literal["confidence", "entropy"]


@dataclass(frozen=True)
class Unknown:
    """Pixels to give no class: of a confidence below `threshold`, or of an entropy above it; None: no pixel."""

    measure: Measure
    threshold: float | None


@dataclass
class Predicted:
    """The class of every pixel (H, W), and its probabilities (C, H, W), float32, if they were asked for."""

    labels: UInt8
    probabilities: NDArray[np.float32] | None = None


def probabilities_of(scores: Tensor, temperature: float) -> Tensor:
    """Turn class scores (B, C, H, W) into probabilities; a `temperature` above 1 makes them less sure (Guo 2017)."""
    return (scores.float() / temperature).softmax(1)


def confidence(probabilities: Tensor, dim: int = 0) -> Tensor:
    """Return the largest of the probabilities along `dim`."""
    return probabilities.amax(dim)


def entropy(probabilities: Tensor, dim: int = 0) -> Tensor:
    """Return the entropy along `dim` as a share of the largest there is: 0 where one class is sure, 1 where all tie."""
    total: Tensor = torch.special.entr(probabilities).sum(dim)
    return total / math.log(probabilities.shape[dim])


MEASURES = {"confidence": confidence, "entropy": entropy}


def decide(scores: Tensor, temperature: float, unknown: Unknown) -> Predicted:
    """Decide on the classes of one image from its scores (1, C, H, W)."""
    labels = scores.argmax(1)[0].to(torch.uint8)
    probabilities = probabilities_of(scores, temperature)[0]
    if unknown.threshold is not None:
        value = MEASURES[unknown.measure](probabilities)
        below = unknown.measure == "confidence"
        labels[value < unknown.threshold if below else value > unknown.threshold] = UNKNOWN
    return Predicted(labels.cpu().numpy(), probabilities.cpu().numpy())
