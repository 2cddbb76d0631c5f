"""Reading a stranger's checkpoint without running its code."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

# The authors' files hold `best_pred`, a pickled numpy float64, under numpy's old and new module names.
_SCALAR = cast(
    Callable[..., Any], np.float64(0).__reduce__()[0]
)  # the function that a pickle of any numpy scalar names
NUMPY_SCALARS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a checkpoint: the file itself or its `state_dict`, with or without a `module.` prefix.

    Raises FileNotFoundError if there is none, ValueError if it is damaged, holds code, or holds no named tensors.
    """
    if not path.is_file():
        raise FileNotFoundError(f"source={path} is no file")
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: {_reason(error)}; only tensors, numbers and text are read") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} is truncated, damaged or no checkpoint ({str(error)[:120]})") from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if (
        not isinstance(weights, dict)
        or not weights
        or not all(isinstance(tensor, Tensor) for tensor in weights.values())
    ):
        raise ValueError(f"{path} holds no state_dict of named tensors")
    return {str(name).removeprefix("module."): tensor for name, tensor in weights.items()}


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "Unsupported" in line or "GLOBAL" in line]
    return lines[0][:160] if lines else "it is no checkpoint"
