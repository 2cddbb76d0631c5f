"""What an exported file says of itself: one JSON text in its metadata, validated whole when it is read."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fastfcn.data.folder import MAX_CLASSES
from fastfcn.data.palette import Colour
from fastfcn.models.normalisation import Statistics
from fastfcn.options import AtLeastOne, BaseSize, CropSize, Deviations, Means, Pixels
from fastfcn.reporting.schema import Amount, Model, Number, explain

KEY = "fastfcn"  # of the metadata
MOST_CHARACTERS = 100_000  # 255 classes with their colours are a third of it

Input = Literal["uint8", "float"]
Outputs = Literal["logits", "probabilities", "labels"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
ClassName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What whoever runs a file has to know.

    `size` (height, width) and `batch` are None where the file takes any; `mean` and `std` are inside it already.
    `checkpoint` is the SHA-256 of the file it was made from; `base_size` and `crop_size` are those of training.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    format: Literal["fastfcn-export-1"] = "fastfcn-export-1"
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1, max_length=MAX_CLASSES)]
    palette: Annotated[tuple[Colour, ...], Field(max_length=MAX_CLASSES)]
    input: Input
    outputs: Outputs
    precision: Precision
    size: tuple[Pixels, Pixels] | None
    batch: AtLeastOne | None
    mean: Means
    std: Deviations
    align_corners: bool
    base_size: BaseSize | None
    crop_size: CropSize | None
    checkpoint: Digest
    model: Model
    parameters: Annotated[Number, Field(ge=0)]
    gflops: Amount

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.palette) != len(self.classes):
            raise ValueError(f"palette has {len(self.palette)} colours for {len(self.classes)} classes")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} values, std {len(self.std)}")
        return self

    @property
    def statistics(self) -> Statistics:
        """Return what images are normalised by."""
        return Statistics(self.mean, self.std)

    @property
    def sizes(self) -> dict[str, int | str]:
        """Return the sizes of training that are known, as a protocol asks for them."""
        known = {"base_size": self.base_size, "crop_size": self.crop_size}
        return {name: size for name, size in known.items() if size is not None}


def read_manifest(text: str | None, source: object) -> Manifest:
    """Read what a file holds under KEY. Raises ValueError, naming `source`, for what no export of this suite writes."""
    if text is None:
        raise ValueError(f"{source} does not say which classes it predicts: it was not made by export.py")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{source} describes itself in {len(text)} characters, more than any export; refused")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"{source} does not describe itself as export.py does: {explain(error)}") from error
