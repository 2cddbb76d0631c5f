"""Whether losses and weights are finite, asked without making every step wait for its device."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

SKIPPED = 32  # steps in a row: a gradient scaler that halves itself at each goes from 2^16, its first value, to 2^-16
REMEDY = (
    "begin again with a lower recipe.lr, trainer.gradient_clip_val=1 or trainer.precision=32-true "
    "(init=PATH of last.ckpt starts from its weights)"
)


class NonFiniteLossError(ValueError):
    """Training cannot go on: loss or weights are NaN or infinite."""


class LossWatch:
    """Keeps the losses of the last steps where they were computed, until someone looks at them."""

    def __init__(self) -> None:
        self._unseen: list[tuple[str, Tensor]] = []
        self._row: list[str] = []

    def note(self, step: int, epoch: int, loss: Tensor) -> None:
        """Keep a loss."""
        self._unseen.append((f"at step {step} (epoch {epoch})", loss.detach()))

    def look(self, mean: Callable[[Tensor], Tensor], *, tolerated: int = 0) -> None:
        """Raise NonFiniteLossError, naming the first, where more than `tolerated` losses in a row are not finite.

        `mean` is that over processes, so that all raise or none. Waits for the device, once.
        """
        if not self._unseen:
            return
        values: list[float] = mean(torch.stack([loss for _, loss in self._unseen])).tolist()
        for (place, _), value in zip(self._unseen, values, strict=True):
            self._row = [] if math.isfinite(value) else [*self._row, f"the loss is {value} {place}"]
            if len(self._row) > tolerated:
                raise NonFiniteLossError(f"{self._row[0]}; {REMEDY}")
        self._unseen.clear()


def require_finite_weights(network: nn.Module, step: int) -> None:
    """Raise NonFiniteLossError if a parameter or a statistic of BatchNorm is not finite. Waits for the device, once."""
    tensors = dict(_learned(network))
    finite: list[bool] = torch.stack([tensor.isfinite().all() for tensor in tensors.values()]).tolist()
    for name, good in zip(tensors, finite, strict=True):
        if not good:
            raise NonFiniteLossError(f"{name} is not finite after step {step}; {REMEDY} (the last checkpoint is kept)")


def _learned(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    for path, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            yield from ((f"{path}.{name}", each) for name, each in module.named_buffers(recurse=False))
