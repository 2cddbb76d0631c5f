"""Images of other channels than RGB: what is measured of them before training, and kept with the checkpoint."""

import logging
from dataclasses import replace

from fastfcn.data.opening import build_data
from fastfcn.data.pairs import FileData
from fastfcn.training.config import RunConfig

log = logging.getLogger(__name__)


def with_channels(settings: RunConfig) -> RunConfig:
    """Give the network the channels of the data, and their mean and deviation, unless the configuration has them.

    Ranges that are to be measured take their place in the configuration. Nothing changes for images read as RGB.
    """
    if settings.data.get("channels") is None:
        return settings
    data = build_data(settings.data)
    assert isinstance(data, FileData)
    backbone = settings.model["backbone"]
    measured = data.settle()
    for channel in range(data.channels):
        low, high = measured.bands.ends(channel)
        log.info(
            "channel %d: %g to %g, of which mean %g and deviation %g",
            channel, low, high, measured.mean[channel], measured.std[channel],
        )  # fmt: skip
    known = {key: value for key, value in backbone.items() if value is not None}
    ranges = measured.bands.ranges
    return replace(
        settings,
        data={**settings.data, "range": None if ranges is None else [list(ends) for ends in ranges]},
        model={
            **settings.model,
            "backbone": {
                **backbone,
                "in_channels": data.channels,
                "mean": list(measured.mean),
                "std": list(measured.std),
                **known,
            },
        },
    )
