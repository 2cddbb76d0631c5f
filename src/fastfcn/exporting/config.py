"""The options of export.py."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastfcn.exporting.manifest import Input, Outputs, Precision
from fastfcn.options import AtLeastOne, Count, CropSize, Fraction, Name, NotNegative, Workers, either, holds

Sides = Annotated[list[CropSize], holds("[HEIGHT,WIDTH]", lambda sides: len(sides) == 2)]
Size = Annotated[CropSize | Sides | None, either("null, a number of pixels, or [HEIGHT,WIDTH]; 16 or more each")]


@dataclass(frozen=True)
class ExportConfig:
    """The root of conf/export.yaml, resolved."""

    checkpoint: Name
    output: Name
    format: dict[str, Any]
    outputs: Outputs
    input: Input
    size: Size
    batch: AtLeastOne | None
    precision: Precision
    data: dict[str, Any]
    split: Name | None
    compare: AtLeastOne
    calibration: AtLeastOne
    tolerance: NotNegative | None
    agreement: Fraction | None
    score: Name | None
    rounds: Count
    workers: Workers
    overwrite: bool
