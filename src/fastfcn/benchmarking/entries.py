"""The networks that a benchmark's `models=` names."""

from typing import Any

import torch
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.models.segmenter import Segmenter

ROOT = "benchmark"


def model_configs(config: DictConfig) -> dict[str, dict[str, Any]]:
    """Compose the model of every entry: a preset, then options of its own, then those of the command line.

    Raises ValueError if there are no entries or two alike.
    """
    entries = [" ".join(str(entry).split()) for entry in config.models]
    if not entries or len(set(entries)) < len(entries):
        raise ValueError(f"models needs different presets, such as models=[encnet_jpu,encnet_os8], got {entries}")
    shared = [option for option in HydraConfig.get().overrides.task if not option.startswith(("model=", "models="))]
    return {
        entry: plain(compose(ROOT, overrides=[f"model={preset}", *options, *shared]).model)
        for entry, (preset, *options) in ((entry, entry.split()) for entry in entries)
    }


def build_entry(model: dict[str, Any], num_classes: int) -> Segmenter:
    """Build a network, the same at every call, whose BatchNorm statistics are not those of the beginning."""
    torch.manual_seed(0)
    network = build_network(model, num_classes).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return network
