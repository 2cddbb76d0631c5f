"""Reading a stranger's checkpoint without running its code."""

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor

from fastfcn.safe_loading import Allowed, load_plain
from fastfcn.tensors import named_tensors

# The authors' files hold `best_pred`, a pickled numpy float64, under numpy's old and new module names.
_SCALAR = cast(
    Callable[..., Any], np.float64(0).__reduce__()[0]
)  # the function that a pickle of any numpy scalar names
NUMPY_SCALARS: Allowed = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
    (codecs.encode, "_codecs.encode"),  # the eight bytes of the number
]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a checkpoint: the file itself or its `state_dict`, with or without a `module.` prefix.

    Raises FileNotFoundError if there is none, ValueError if it is damaged, holds code, or holds no named tensors.
    """
    content = load_plain(path, NUMPY_SCALARS)
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    try:
        named = named_tensors(weights, "state_dict")
    except ValueError as error:
        raise ValueError(f"{path} holds no state_dict of named tensors: {error}") from error
    if not named:
        raise ValueError(f"{path} holds no state_dict of named tensors: it is empty")
    return {name.removeprefix("module."): tensor for name, tensor in named.items()}
