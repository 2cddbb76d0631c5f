"""Whether an export that lies beside its checkpoint is worth predicting with, by the certificate beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, Field, ValidationError

from fastfcn.exporting.certificate import processor
from fastfcn.exporting.formats import Opened
from fastfcn.exporting.opening import READERS, open_model_file
from fastfcn.prediction.journal import digest
from fastfcn.reading import read_bytes
from fastfcn.reporting.schema import Number, Text, explain

SUFFIX = ".certificate.json"
MOST_BYTES = 1_000_000
ENOUGH = 1.2  # times as fast as the suite's own path; less is not worth another engine


class Times(BaseModel):
    """Milliseconds of a pass."""

    median: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Cost(BaseModel):
    """What a pass costs."""

    milliseconds: Times


class File(BaseModel):
    """A file that is certified."""

    sha256: Text


class Export(BaseModel):
    """What the file is."""

    checkpoint: Text
    outputs: Text
    precision: Text
    size: list[Number] | None
    batch: Number | None


class Measured(BaseModel):
    """Of a certificate, what tells whether its file gives the network's classes, and sooner."""

    format: Literal["fastfcn-certificate-1"]
    files: dict[Text, File]
    export: Export
    suite: Cost | None
    file: Cost | None
    threads: Number
    processor: Text

    def faster(self) -> float:
        """Return how many times as fast the file is on this machine; 0 if that is not known."""
        here = (self.threads, self.processor) == (torch.get_num_threads(), processor())
        if self.suite is None or self.file is None or not here:
            return 0.0
        return self.suite.milliseconds.median / self.file.milliseconds.median

    def replaces(self, checkpoint: str) -> bool:
        """Tell whether the file does for any image what the checkpoint of this SHA-256 does."""
        wanted = Export(checkpoint=checkpoint, outputs="logits", precision="fp32", size=None, batch=None)
        return self.export == wanted


def faster_export(folder: Path, checkpoint: str) -> tuple[Opened, str] | None:
    """Open the fastest export in `folder` that stands for the checkpoint of this SHA-256, and say which it is.

    None unless one is certified to be ENOUGH times as fast here. A file that is not what its certificate is about, or
    cannot be opened, is told and left.
    """
    found = sorted(_candidates(folder, checkpoint), key=lambda each: -each[0])
    for faster, path in found:
        try:
            opened = open_model_file(path)
            if opened.manifest.checkpoint != checkpoint:
                raise ValueError(f"{path} is that of another checkpoint")
        except (ValueError, OSError) as error:
            print(f"warning: PyTorch predicts, for {error}")
            continue
        return opened, f"{opened.engine} predicts by {path}, certified to be {faster:.1f} times as fast here"
    return None


def _candidates(folder: Path, checkpoint: str) -> Iterator[tuple[float, Path]]:
    for certificate in sorted(folder.glob(f"*{SUFFIX}")):
        path = certificate.with_name(certificate.name.removesuffix(SUFFIX))
        try:
            measured = Measured.model_validate_json(read_bytes(certificate, MOST_BYTES))
            faster = measured.faster()
            if path.suffix in READERS and faster >= ENOUGH and measured.replaces(checkpoint):
                _require_certified(path, measured)
                yield faster, path
        except ValidationError as error:
            print(f"warning: {certificate} is no certificate that export.py wrote: {explain(error)}")
        except (ValueError, OSError) as error:
            print(f"warning: PyTorch predicts, for {error}")


def _require_certified(path: Path, measured: Measured) -> None:
    for part in (path, *([path.with_suffix(".bin")] if path.suffix == ".xml" else [])):
        known = measured.files.get(part.name)
        if known is None or known.sha256 != digest(part):
            raise ValueError(f"{part} is not the file that its certificate is about")
