"""What test servers take: ADE20K's wants a zip of 8-bit PNGs with labels 1 to 150 under the images' names."""

import io
import zipfile
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from fastfcn.data.dataset import UInt8
from fastfcn.disk import explained

ADE20K_CLASSES = 150


class Submission:
    """Collects nothing: the default. As a context it is finished at the end, or given up if an error comes through."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Finish or give up."""
        if kind is None:
            self.close()
        else:
            self.discard()

    def add(self, name: str, labels: UInt8) -> None:
        """Add the class indices (H, W) of an image."""

    def close(self) -> None:
        """Finish the file."""

    def discard(self) -> None:
        """Leave no file."""


class ADE20KSubmission(Submission):
    """A zip at `path`, which appears once it is whole; one of an earlier run is removed at the beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._zip = zipfile.ZipFile(self._temporary, "w")

    def add(self, name: str, labels: UInt8) -> None:
        """Add one image's labels; index 0 becomes label 1, for 0 means unlabelled there."""
        buffer = io.BytesIO()
        Image.fromarray((labels + 1).astype(np.uint8)).save(buffer, format="PNG")
        with explained(self.path):
            self._zip.writestr(f"{name}.png", buffer.getvalue())

    def close(self) -> None:
        """Put the zip in its place."""
        with explained(self.path):
            self._zip.close()
        self._temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what was collected."""
        self._zip.close()
        self._temporary.unlink(missing_ok=True)


def open_submission(kind: str | None, output: Path, num_classes: int) -> Submission:
    """Begin a submission of `kind`, or none. Raises ValueError for a kind or a network that does not fit."""
    if kind is None:
        return Submission()
    if kind != "ade20k":
        raise ValueError(f"submission must be null or ade20k, got {kind}")
    if num_classes != ADE20K_CLASSES:
        raise ValueError(f"submission=ade20k needs a network of {ADE20K_CLASSES} classes, this one has {num_classes}")
    return ADE20KSubmission(output / "submission.zip")
