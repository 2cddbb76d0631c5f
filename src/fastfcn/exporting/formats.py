"""What a format of files is to export.py and to whoever reads them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.manifest import Manifest, Precision
from fastfcn.models.segmenter import Segmenter

Array = NDArray[Any]
Runner = Callable[[Array], Array]


@dataclass(frozen=True)
class Opened:
    """A file that is ready: `run` maps images as the manifest says (B, C, H, W) to what it says they become."""

    manifest: Manifest
    run: Runner
    engine: str  # with its version


class Format(ABC):
    """A kind of file, chosen by `format=`; its file ends in `suffix`, and holds numbers of one of `precisions`."""

    suffix: str
    precisions: tuple[Precision, ...]

    @abstractmethod
    def require(self) -> None:
        """Raise ValueError, with the remedy, if a package that it needs is not here."""

    @abstractmethod
    def write(
        self, program: torch.export.ExportedProgram, manifest: Manifest, path: Path, calibration: Sequence[UInt8]
    ) -> None:
        """Write a traced network, calibrated for int8 on images (C, H, W). Raises ValueError if it cannot be."""

    @abstractmethod
    def open(self, path: Path) -> Opened:
        """Read a file that `write` may have written. Raises OSError, or ValueError in one line, for any other."""

    def dtype(self, precision: Precision) -> torch.dtype:
        """Return the type that the traced network is to compute in."""
        return torch.float32

    def obstacle(self, network: Segmenter, manifest: Manifest) -> str | None:
        """Name the part of a network that this format cannot hold; None if there is none that is known of."""
        return None


def first_line(error: Exception) -> str:
    """Return the first line of what another library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
