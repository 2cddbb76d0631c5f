"""How learning rates change from the first optimiser step to the last."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

POLY_POWER = 0.9


def poly(done: float) -> float:
    """Return (1 - done)^0.9 (FastFCN, section 4.1); `done` is the share of the steps."""
    return math.pow(max(1 - done, 0.0), POLY_POWER)


def cosine(done: float) -> float:
    """Return half a cosine from 1 to 0 (arXiv:1608.03983, without restarts)."""
    return (1 + math.cos(math.pi * min(done, 1.0))) / 2


SHAPES = {"poly": poly, "cosine": cosine}


def build_schedule(optimiser: Optimizer, total_steps: int, *, shape: str = "poly", warmup: float = 0.0) -> LambdaLR:
    """Scale the rates by optimiser step: linearly up in the first `warmup` of all steps, then as `shape` says."""
    rising = round(warmup * total_steps)
    follow = SHAPES[shape]

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return follow((step - rising) / (total_steps - rising))

    return LambdaLR(optimiser, factor)
