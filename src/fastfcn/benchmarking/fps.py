"""Images a second of a network as it was trained, measured in passing; benchmark.py measures with care."""

import time

import torch

from fastfcn.benchmarking.timing import Timing, synchronise
from fastfcn.models.segmenter import Segmenter

SIZE = 512  # pixels a side, as in the paper's speed table
SECONDS = 2.0  # that passes may go on for, once there are MINIMUM
MINIMUM = 3


def frames_per_second(network: Segmenter, device: torch.device) -> float:
    """Return 1 over the median time of passes of one image of SIZE x SIZE, auxiliary head included, after a warm-up.

    The network is left in eval mode on `device`; where it was compiled for training it runs uncompiled.
    """
    network.to(device).eval()
    size = network.backbone.padding.measured(SIZE)
    shape = (1, network.statistics.channels, size, size)
    images = torch.zeros(shape, device=device, dtype=next(network.parameters()).dtype)
    timing = Timing()
    with torch.no_grad():
        network.forward(images)
        while len(timing.seconds) < MINIMUM or sum(timing.seconds) < SECONDS:
            synchronise(device)
            started = time.perf_counter()
            network.forward(images)
            synchronise(device)
            timing.seconds.append(time.perf_counter() - started)
    return 1 / timing.median
