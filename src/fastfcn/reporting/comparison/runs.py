"""Result files of an experiment: found, checked, and read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

NAME = "result.json"
JOB_FIELDS = ("experiment", "row")  # null or absent where no experiment was run

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Model(BaseModel):
    """The parts of a network, named as in the configuration."""

    model_config = ConfigDict(frozen=True)

    backbone: str
    output_stride: int
    upsampling: str
    head: str


class Result(BaseModel):
    """What a sweep's job measured; `metrics` and `iou` are fractions, a class that occurs nowhere has no IoU."""

    model_config = ConfigDict(frozen=True)

    experiment: str
    row: str
    data: str
    split: str
    protocol: str
    seed: int
    steps: int
    metrics: dict[str, float]
    iou: dict[str, Fraction | None]
    model: Model
    commit: str | None
    versions: dict[str, str]
    device: str
    parameters: int
    gflops: Amount
    seconds: Amount

    @model_validator(mode="after")
    def _require_scores(self) -> "Result":
        for key in (self._key("miou"), self._key("pixacc")):
            if not 0 <= self.metrics.get(key, -1) <= 1:
                raise ValueError(f"metrics hold no fraction {key}")
        return self

    def _key(self, metric: str) -> str:
        return f"{self.split}/{metric}_{self.protocol}"

    @property
    def miou(self) -> float:
        """Mean IoU under the experiment's protocol."""
        return self.metrics[self._key("miou")]

    @property
    def pixacc(self) -> float:
        """Pixel accuracy under the experiment's protocol."""
        return self.metrics[self._key("pixacc")]


@dataclass(frozen=True)
class Run:
    """A result and the folder that it lies in."""

    folder: Path
    result: Result

    @property
    def identity(self) -> tuple[Any, ...]:
        """What no two runs of a table may share."""
        result = self.result
        group = (result.data, result.split, result.protocol, result.steps)
        return *group, result.row, result.model, result.seed


@dataclass(frozen=True)
class Collection:
    """The runs of an experiment, and a line on every file that was left out."""

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]


def collect(roots: Iterable[Path], experiment: str) -> Collection:
    """Read every result.json below `roots` that a job of `experiment` wrote; where two tell of one run, the first."""
    runs: dict[tuple[Any, ...], Run] = {}
    left_out: list[str] = []
    for path in _files(roots):
        try:
            run = Run(path.parent, read_result(path, experiment))
            known = runs.setdefault(run.identity, run)
            if known is not run and known.result != run.result:
                raise ValueError(f"another run of row {run.result.row}, seed {run.result.seed} than {known.folder}")
        except (ValueError, OSError) as error:
            left_out.append(f"{path}: {error}")
    return Collection(tuple(runs.values()), tuple(left_out))


def read_result(path: Path, experiment: str) -> Result:
    """Read one result file. Raises ValueError, in one line, if it is damaged or no job of `experiment` wrote it."""
    try:
        result = Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(_explain(error)) from error
    if result.experiment != experiment:
        raise ValueError(f"a result of experiment={result.experiment}")
    return result


def _explain(error: ValidationError) -> str:
    faults = error.errors()
    if any(fault["loc"][:1] == (field,) for fault in faults for field in JOB_FIELDS):
        return "not written by a job of an experiment"
    missing = [".".join(map(str, fault["loc"])) for fault in faults if fault["type"] == "missing"]
    if missing:
        return f"damaged, it lacks {', '.join(missing)}"
    first = faults[0]
    place = ".".join(map(str, first["loc"]))
    return f"damaged, {f'{place}: ' if place else ''}{first['msg'].removeprefix('Value error, ')}"


def _files(roots: Iterable[Path]) -> list[Path]:
    """List each result file once, also where one root lies within another, in the order of the roots."""
    found: dict[Path, Path] = {}
    for root in roots:
        for path in sorted(root.rglob(NAME)):
            found.setdefault(path.resolve(), path)
    return list(found.values())
