"""The weights, images and labels that the golden arrays were computed from, generated from names and seeds.

Every tensor is drawn by PCG64 seeded with the CRC-32 of its name; the arrays are the published code's outputs.
"""

import json
import math
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).parent


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@cache
def tensor(name: str, shape: tuple[int, ...], *, residual_gain: float, smoothing: float) -> Tensor:
    rng = _rng(zlib.crc32(name.encode()))
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if kind in ("codewords", "running_mean", "bias"):
        values = 0.1 * rng.standard_normal(shape)
    elif kind == "scale":
        values = -smoothing * rng.random(shape)
    elif kind == "running_var":
        values = 0.5 + rng.random(shape)
    elif len(shape) > 1:
        values = rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    else:
        values = 0.5 + rng.random(shape)
        values *= residual_gain if name.endswith("bn3.weight") else 1
        values *= 0.02 if name.endswith("encoding_project.bn.weight") else 1
    return torch.from_numpy(np.asarray(values, np.float32))


FAMILIES = {
    "fastfcn": {"residual_gain": 0.1, "smoothing": 0.02},
    "mmseg": {"residual_gain": 0.2, "smoothing": 1.0},
}


def released(name: str, family: str = "fastfcn") -> dict[str, Tensor]:
    """The state dict of a checkpoint of the authors, or of mmsegmentation; its tensors are not to be written to."""
    rows = json.loads((GOLDEN / family / f"{name}.keys.json").read_text())
    return {key: tensor(key, tuple(shape), **FAMILIES[family]) for key, shape, *_ in rows}


def images(seed: int, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(_rng(seed).standard_normal(shape).astype(np.float32))


def labels(seed: int, shape: tuple[int, int, int], classes: int) -> Tensor:
    """Blocks of 8 pixels of one class each; -1 is ignored."""
    batch, height, width = shape
    blocks = _rng(seed).integers(-1, classes, (batch, height // 8, width // 8))
    return torch.from_numpy(blocks.repeat(8, 1).repeat(8, 2).astype(np.int64))
