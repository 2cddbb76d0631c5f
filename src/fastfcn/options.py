"""What the values of options may be: types for the signatures that read them, which `composition` checks."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

RANGE = "range"  # the kind of error that says what is allowed in the words after "must be"


def within(low: float, high: float | None = None) -> AfterValidator:
    """Allow numbers from `low` to `high`, both included."""
    allowed = f"{low:g} or more" if high is None else f"between {low:g} and {high:.15g}"
    return holds(allowed, lambda value: low <= value and (high is None or value <= high))


def holds(allowed: str, fits: Callable[[Any], bool]) -> AfterValidator:
    """Allow values that `fits` says yes to; `allowed` names them."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise PydanticCustomError(RANGE, "{allowed}", {"allowed": allowed})
        return value

    return AfterValidator(check)


def either(allowed: str) -> WrapValidator:
    """Name what a union allows as a whole, where pydantic would tell of one of its types."""

    def check(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError as error:
            raise PydanticCustomError(RANGE, "{allowed}", {"allowed": allowed}) from error

    return WrapValidator(check)


NOT_EMPTY = holds("a list of one or more values", bool)

Count = Annotated[int, within(0)]
AtLeastOne = Annotated[int, within(1)]
Positive = Annotated[float, holds("positive", lambda value: value > 0)]
NotNegative = Annotated[float, within(0)]
Fraction = Annotated[float, within(0, 1)]  # probabilities and opacities, too
Share = Annotated[float, holds("0 or more, and less than 1", lambda value: 0 <= value < 1)]
Probability = Annotated[float, holds("more than 0, and at most 1", lambda value: 0 < value <= 1)]
Factor = Annotated[float, holds("more than 0, and less than 1", lambda value: 0 < value < 1)]
Stages = Annotated[int, within(0, 4)]  # of a backbone
Degrees = Annotated[float, within(0, 180)]
Scale = Annotated[float, within(0.01, 100)]  # of an image
Scales = Annotated[tuple[Scale, ...], NOT_EMPTY]
Pixels = Annotated[int, within(1, 100_000)]  # a side of an image
OWN: Final = "own"  # an image's own size
BaseSize = Annotated[Pixels | Literal["own"], either("a number of pixels, or own: an image's own size")]
CropSize = Annotated[int, within(16, 100_000)]  # what a stride of 32 leaves something of
Byte = Annotated[int, within(0, 255)]
MaskValue = Annotated[int, within(0, 65_535)]
Width = Annotated[int, within(1, 65_536)]  # channels, codewords
KernelSize = Annotated[int, holds("odd, between 1 and 15", lambda value: 1 <= value <= 15 and value % 2 == 1)]
ImageSize = Annotated[int, holds("a multiple of 32, at most 768", lambda value: 0 < value <= 768 and value % 32 == 0)]
ImageChannels = Annotated[int, within(1, 1024)]
Means = Annotated[tuple[Fraction, ...], NOT_EMPTY]  # a value a channel of the image, in 0..1
Deviation = Annotated[float, holds("more than 0, and at most 1", lambda value: 0 < value <= 1)]
Deviations = Annotated[tuple[Deviation, ...], NOT_EMPTY]
Dilation = Annotated[int, within(1, 1024)]
Dilations = Annotated[tuple[Dilation, ...], NOT_EMPTY]
Bins = Annotated[tuple[Annotated[int, within(1, 64)], ...], NOT_EMPTY]
Workers = Annotated[int, within(0, 1024)]  # processes that load data
Seed = Annotated[int, within(0, 2**32 - 1)]  # what NumPy takes
Name = Annotated[str, holds("a name or a path", lambda value: bool(value.strip()))]
Word = Annotated[str, holds("letters, digits, _ and -", lambda value: re.fullmatch(r"[\w-]+", value) is not None)]
Weights = Annotated[list[NotNegative], NOT_EMPTY]
ClassWeights = Annotated[
    Literal["balanced"] | Weights | None, either("balanced, or a list of numbers of 0 or more, one a class")
]
OfNetwork = Annotated[bool, holds("left to model.align_corners", lambda _: False)]  # no option of a part
