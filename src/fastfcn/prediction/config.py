"""What predict.py is asked for."""

from dataclasses import dataclass
from typing import Any, Literal

from fastfcn.numerics import Precision
from fastfcn.options import AtLeastOne, Fraction, Name, Workers
from fastfcn.prediction.calibration import Temperature
from fastfcn.prediction.maps import Measure
from fastfcn.prediction.outputs import Kinds
from fastfcn.prediction.predictor import Device


@dataclass(frozen=True)
class PredictionConfig:
    """The root of conf/predict.yaml, resolved."""

    checkpoint: Name | None
    model_file: Name | None
    images: Name | list[Name]
    output: Name
    protocol: dict[str, Any]
    numerics: dict[str, Any]
    write: Kinds
    probabilities: Literal["npz", "png"]
    opacity: Fraction
    temperature: Temperature | Literal["calibrated"]
    threshold: Fraction | None
    unknown: Measure
    frames: AtLeastOne | None
    overwrite: bool
    device: Device
    devices: AtLeastOne
    precision: Precision
    workers: Workers
    optimize: bool
    submission: Literal["ade20k"] | None
