"""What a card says of the certificate that export.py wrote beside a file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from fastfcn.reading import read_bytes
from fastfcn.reporting.schema import Fraction, Number, Text, explain

MOST_BYTES = 1_000_000


class Export(BaseModel):
    """The exported file; `checkpoint` is the SHA-256 of what it was made from."""

    checkpoint: Text
    outputs: Text
    precision: Text


class Parity(BaseModel):
    """How the file's outputs differ from the network's, on so many images."""

    images: Number
    equal: Fraction
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class Score(BaseModel):
    """The mIoU of the checkpoint and of the file."""

    data: Text
    split: Text
    checkpoint: Fraction
    file: Fraction


class Certificate(BaseModel):
    """What is told of it."""

    format: Literal["fastfcn-certificate-1"]
    engine: Text
    export: Export
    parity: Parity
    score: Score | None


def describe_certificate(path: Path, checkpoint: str) -> str:
    """Say what a certificate found. Raises ValueError unless it is that of the `checkpoint` with this SHA-256."""
    try:
        found = Certificate.model_validate_json(read_bytes(path, MOST_BYTES))
    except ValidationError as error:
        raise ValueError(f"{path} is no certificate that export.py wrote: {explain(error)}") from error
    if found.export.checkpoint != checkpoint:
        raise ValueError(f"{path} is the certificate of another checkpoint (SHA-256 {found.export.checkpoint[:12]})")
    parity, score = found.parity, found.score
    text = (
        f"Exported as {found.export.outputs} in {found.export.precision} and run by {found.engine} on {parity.images} "
        f"images: {100 * parity.equal:.3f} % of pixels are given the same class"
    )
    if parity.difference is not None:
        text += f", logits differ by {parity.difference:.1e} of the largest"
    if score is not None:
        text += f"; mIoU on {score.data} {score.split}: {100 * score.file:.2f} %, "
        text += f"{100 * score.checkpoint:.2f} % for the checkpoint"
    return f"{text}."
