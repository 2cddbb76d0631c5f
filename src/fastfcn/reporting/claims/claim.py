"""experiments/claims.yaml: statements, each with a quantity of the results and the bounds that it is to lie in."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fastfcn.reading import read_yaml
from fastfcn.reporting.schema import Text, explain

NAME = "claims.yaml"  # in experiments/

Relative = Annotated[str, Field(pattern=r"^(\w[\w-]*/)*\w[\w-]*\.json$", max_length=300)]


class Node(BaseModel):
    """A part of the file; a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Node):
    """A number in a JSON file below experiments/: `key` is names joined by dots, from the entry that `where` finds.

    `where` picks one of the entries of `models` in a benchmark's file by their values.
    """

    file: Relative
    key: Text
    where: dict[Text, str | int | float] = {}
    times: float = 1.0


class Rows(Node):
    """The difference of mIoU between two rows of an experiment's results, in points.

    `steps` chooses among the tables of equal steps; a table may be of rows that spent an `equal` budget instead.
    """

    experiment: Annotated[str, Field(pattern=r"^\w+$")]
    data: Text
    split: Text
    protocol: Text
    row: Text
    than: Text
    steps: int | None = None
    equal: Literal["steps", "budget"] = "steps"


class Ratio(Node):
    """One figure as a multiple of another."""

    of: Figure
    to: Figure


class Claim(Node):
    """A statement, where it is made, and exactly one quantity of which it says that it is `at_least`, or `at_most`."""

    says: Text
    source: Text
    rows: Rows | None = None
    ratio: Ratio | None = None
    figure: Figure | None = None
    at_least: float = Field(default=float("-inf"))
    at_most: float = Field(default=float("inf"))

    @model_validator(mode="after")
    def _require_one(self) -> "Claim":
        if sum(each is not None for each in (self.rows, self.ratio, self.figure)) != 1:
            raise ValueError(f"{self.says!r} needs one of rows, ratio and figure")
        if not {"at_least", "at_most"} & self.model_fields_set:
            raise ValueError(f"{self.says!r} needs at_least or at_most")
        return self


class Claims(Node):
    """The whole file."""

    claims: Annotated[tuple[Claim, ...], Field(max_length=1000)]


def read_claims(folder: Path) -> tuple[Claim, ...]:
    """Read the claims on the results in `folder`. Raises OSError, or ValueError, in one line, for a damaged file."""
    path = folder / NAME
    try:
        return Claims.model_validate(read_yaml(path)).claims
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error)}") from error
