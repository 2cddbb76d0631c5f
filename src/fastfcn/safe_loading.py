"""Reading files of torch without running the code that a pickle can hold."""

import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

Allowed = Sequence[Callable[..., Any] | tuple[Callable[..., Any], str]]


def load_plain(path: Path, allowed: Allowed = ()) -> Any:
    """Read tensors, numbers, text and containers of them, and beyond those only what `allowed` names.

    Raises FileNotFoundError if there is no file, ValueError if it is damaged, no checkpoint, or holds code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise ValueError(f"{path} holds pickled code and is refused: {_named(error)}") from error
        raise ValueError(f"{path} is no checkpoint") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = "is truncated or damaged" if _is_zip(path) else "is truncated or no checkpoint"
        raise ValueError(f"{path} {reason}") from error


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK" or zipfile.is_zipfile(path)


def _named(error: Exception) -> str:
    """Find the line that says which global a pickle asked for."""
    return next(line.strip() for line in str(error).splitlines() if "GLOBAL" in line)[:160]
