"""The weights that a new training begins with."""

import logging

from fastfcn.checkpoints import for_other_classes, load_weights, read_checkpoint
from fastfcn.models.pretrained import load_pretrained
from fastfcn.models.segmenter import Segmenter

log = logging.getLogger(__name__)


def begin_with_weights(network: Segmenter, init: str | None) -> None:
    """Fill `network` from the checkpoint `init`, or else its backbone with pretrained weights where it asks for them.

    Raises FileNotFoundError or ValueError if these cannot be had or do not fit.
    """
    if init is not None:
        weights, fresh = for_other_classes(read_checkpoint(init), network)
        load_weights(network, weights, init)
        log.info("weights from %s; begun anew for other classes: %s", init, ", ".join(fresh) or "none")
    else:
        log.info("backbone weights: %s", load_pretrained(network.backbone) or "random")
