"""Stand-ins for a GPU: one that counts what its CPU would wait for, and tensors on `cuda` that hold no data."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fastfcn.models.normalisation import _constants

DEVICE = torch.device("meta")
WAITING = {  # operators whose result the CPU must know, be it a value or a shape
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::is_nonzero", "aten::equal",
    "aten::bincount", "aten::_unique2", "aten::unique_consecutive", "aten::repeat_interleave",
}  # fmt: skip
COPYING = {"aten::_to_copy", "aten::copy_"}


class DeviceMixError(RuntimeError):
    """An operator was given tensors of two devices."""


class StandIn(TorchDispatchMode):
    """Has `meta` stand for a GPU, forward and backward. Whatever value is asked for is 1.

    `waits` counts, by kind, what a CPU would wait for: values, shapes, and copies that are not `non_blocking`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __enter__(self) -> "StandIn":
        def made(
            data: Any, *, device: Any = None, **options: Any
        ) -> Tensor:  # of numbers: no operator that a mode sees
            if device is not None and torch.device(device) == DEVICE:
                self.waits["cpu to meta"] += 1
            return tensor(data, device=device, **options)

        tensor = torch.tensor
        self._patch = patch("torch.tensor", made)
        self._patch.start()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._patch.stop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if name in COPYING:
            return self._copy(func, args, kwargs)
        devices = {
            each.device.type for each in tensors if each.dim() or each.is_meta
        }  # a number of the CPU may join in
        if len(devices) > 1 and not name.startswith(("aten::index", "aten::_index")):
            raise DeviceMixError(f"{func} got tensors on {sorted(devices)}")
        if "meta" in devices and name in WAITING:
            self.waits[name] += 1
            if name == "aten::_local_scalar_dense":
                return torch.ones((), dtype=args[0].dtype).item()
            if name == "aten::bincount":
                return torch.empty(kwargs.get("minlength", 1), dtype=torch.int64, device=DEVICE)
        return func(*args, **kwargs)

    def _copy(self, func: Any, args: Any, kwargs: Any) -> Any:
        into, source = (args[0], args[1]) if func._schema.name == "aten::copy_" else (None, args[0])
        goal = into.device if into is not None else torch.device(kwargs.get("device") or source.device)
        if goal.type == source.device.type:
            return func(*args, **kwargs)
        waits = goal.type == "cpu" or not kwargs.get("non_blocking")
        if waits:
            self.waits[f"{source.device.type} to {goal.type}"] += 1
        if goal.type != "cpu":
            return func(*args, **kwargs)
        return torch.ones(source.shape, dtype=kwargs.get("dtype") or source.dtype) if into is None else into.fill_(1)


@contextmanager
def fake_cuda() -> Iterator[FakeTensorMode]:
    """Have tensors on `cuda` without one: shape and type, no data. Forward passes only; autograd asks a driver."""
    with (
        FakeTensorMode(allow_non_fake_inputs=False) as mode,
        patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False),
        patch("torch.cuda.is_bf16_supported", lambda *_, **__: True),
    ):
        _constants.cache_clear()
        yield mode
        _constants.cache_clear()  # of tensors of this mode


def to_fake_cuda(module: nn.Module) -> nn.Module:
    """Move what a module has registered, and nothing else, as `module.to("cuda")` does."""
    for each in module.modules():
        for tensors in (each._parameters, each._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    moved = torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda")
                    tensors[name] = nn.Parameter(moved) if isinstance(tensor, nn.Parameter) else moved
    return module
