"""What result.json holds, for those who write it and for all who read it."""

import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastfcn.reading import read_bytes

RESULT = "result.json"
RESULT_BYTES = 5_000_000

Text = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Place = Annotated[str, Field(max_length=5000)]  # a path, which may hold anything
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class Model(BaseModel):
    """The parts of a network, named as in the configuration."""

    model_config = ConfigDict(frozen=True)

    backbone: Text
    output_stride: Number
    upsampling: Text
    head: Text


class Result(BaseModel):
    """What was measured; `metrics` and `iou` are fractions, a class that occurs nowhere has no IoU.

    What only a training has, or only an evaluation or a job of an experiment, is None in the others' results.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    metrics: Annotated[dict[Text, float], Field(max_length=1000)]
    iou: Annotated[dict[Text, Fraction | None], Field(max_length=10_000)]
    model: Model
    data: Text
    seed: Number | None
    commit: Text | None
    versions: Annotated[dict[Text, Text], Field(max_length=100)]
    device: Text
    parameters: Annotated[Number, Field(ge=0)]
    gflops: Amount
    seconds: Amount
    experiment: Text | None = None
    row: Text | None = None
    steps: Number | None = None
    protocol: Text | None = None
    split: Text | None = None
    training_gflops: Amount | None = None
    budget_seconds: Amount | None = None
    class_weights: Annotated[dict[Text, Amount], Field(max_length=10_000)] | None = None
    images: Number | None = None
    checkpoint: Place | None = None
    model_file: Place | None = None
    precision: Text | None = None
    engine: Text | None = None

    @property
    def score(self) -> float | None:
        """The mIoU that counts: by the protocol where there is one, else on centre crops."""
        scores = [value for name, value in self.metrics.items() if "/miou" in name and math.isfinite(value)]
        return scores[-1] if scores else None


def read_result(path: Path) -> Result:
    """Read a result file, whole. Raises OSError, or ValueError, in one line, if it is damaged."""
    try:
        return Result.model_validate_json(read_bytes(path, RESULT_BYTES))
    except ValidationError as error:
        raise ValueError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong with a file."""
    faults = error.errors(include_input=False)
    missing = [".".join(map(str, fault["loc"])) for fault in faults if fault["type"] == "missing"]
    if missing:
        return f"damaged, it lacks {', '.join(missing)}"
    first = faults[0]
    place = ".".join(str(part)[:60] for part in first["loc"])
    return f"damaged, {f'{place}: ' if place else ''}{first['msg'].removeprefix('Value error, ')[:200]}"
