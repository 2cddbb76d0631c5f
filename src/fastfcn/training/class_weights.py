"""Weights of the classes in the cross-entropy: given, or counted so that rare classes weigh more."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.checkpoints import Checkpoint
from fastfcn.composition import build, check_keys
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.labelled import MAX_VALUES, count_pixels
from fastfcn.data.listing import shortened
from fastfcn.training.losses import BALANCED, SegmentationLoss

SOFTENING = 1.02  # ENet's constant: the rarest class weighs at most 35 times as much as the commonest

log = logging.getLogger(__name__)


def build_loss(node: Mapping[str, Any], data: SegmentationData, resumed: Checkpoint | None = None) -> SegmentationLoss:
    """Build the loss of a configuration, with the balanced weights of the classes of `data` where it asks for them.

    They are those kept by the run that is gone on with, or else counted from the training masks. Raises ValueError for
    a list that does not fit the classes.
    """
    check_keys(node, "loss")
    asked = node.get("class_weights")
    if asked is not None:
        kept = resumed.description.run.get("class_weights") if resumed is not None else None
        weights = asked if asked != BALANCED else list(kept or balanced(data))
        if len(weights) != len(data.classes):
            raise ValueError(
                f"loss.class_weights has {len(weights)} weights for the {len(data.classes)} classes of "
                f"data={data.name}: give one each, in the order {shortened(data.classes)}, or balanced"
            )
        log.info("class weights: %s", ", ".join(map("{} {:g}".format, data.classes, weights)))
        node = {**node, "class_weights": weights}
    loss: SegmentationLoss = build(node, "loss")
    return loss


def balanced(data: SegmentationData) -> list[float]:
    """Count the pixels of the training masks, and weigh each class by how few of them it has.

    By ENet's formula (arXiv:1606.02147, section 5.2), 1 / ln(1.02 + share of the labelled pixels): from 1.4 to 50.5,
    and so bounded without further rules, also for a class that no mask holds. Balancing by the median frequency
    (arXiv:1411.4734, section 4), the other common choice, has no bound where a class is rare, and none where it is
    absent.
    """
    split = data.split(data.train_split)
    log.info("loss.class_weights=%s counts the pixels of %d training masks", BALANCED, len(split))
    pixels = np.zeros(MAX_VALUES, np.int64)
    for index in range(len(split)):
        pixels += sum(map(count_pixels, split.mask_parts(index)))
    counts = pixels[: len(data.classes)]
    if absent := [name for name, count in zip(data.classes, counts, strict=True) if not count]:
        log.warning("no mask of split %r holds %s: the greatest weight", data.train_split, shortened(absent))
    return inverse_logarithms(counts)


def inverse_logarithms(counts: NDArray[np.int64]) -> list[float]:
    """Turn pixel counts of the classes into weights."""
    shares = counts / max(int(counts.sum()), 1)
    return [round(1 / math.log(SOFTENING + share), 4) for share in shares.tolist()]
