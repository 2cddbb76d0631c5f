"""Result files of an experiment: found, checked, and read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from fastfcn.reading import find, read_bytes
from fastfcn.reporting import schema
from fastfcn.reporting.schema import RESULT, RESULT_BYTES, Number, Text, explain

TRIALS = "trials"  # folder, within that of a sweep with tune=, of the runs by which rows were tuned
JOB_FIELDS = ("experiment", "row")  # null or absent where no experiment was run


class Result(schema.Result):
    """What a sweep's job measured."""

    experiment: Text
    row: Text
    split: Text
    protocol: Text
    seed: Number
    steps: Number

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
    def is_trial(self) -> bool:
        """Tell whether its sweep varied more than row and seed: its folder is named by what else."""
        return self.folder.name.startswith(f"seed{self.result.seed},")

    @property
    def is_apart(self) -> bool:
        """Tell whether it served to tune its row alone, which other runs show: it lies in trials/ROW/."""
        return self.folder.parent.parent.name == TRIALS

    @property
    def tuned(self) -> tuple[Any, ...]:
        """What it has in common with the runs of a row that it served to tune, whatever split those are scored on."""
        result = self.result
        return result.data, result.protocol, result.steps, result.row, result.model

    @property
    def identity(self) -> tuple[Any, ...]:
        """What no two runs of a table may share."""
        result = self.result
        group = (result.data, result.split, result.protocol, result.steps)
        return *group, result.row, result.model, result.seed


Trials = Mapping[tuple[Any, ...], Sequence[Run]]  # by the identity of the run that is one of them, or what they tuned


@dataclass(frozen=True)
class Collection:
    """The runs of an experiment, a line on every file that was left out, and the reason by row (ROW/seedN).

    Of a row and seed that was tried with several options (ROW/seedN,OPTIONS) the best is a run, but for those in
    trials/; `trials` has them all.
    """

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
    reasons: Mapping[str, str]
    trials: Trials


def collect(roots: Iterable[Path], experiment: str) -> Collection:
    """Read every result.json below `roots` that a job of `experiment` wrote; where two tell of one run, the first."""
    runs: dict[tuple[Any, ...], Run] = {}
    trials: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    reasons: dict[Path, str] = {}
    for path in _files(roots):
        try:
            run = Run(path.parent, read_result(path, experiment))
            if run.is_apart:
                trials[run.tuned].append(run)
                continue
            known = runs.setdefault(run.identity, run)
            if run.is_trial and known.is_trial:
                trials[run.identity].append(run)
                runs[run.identity] = max(known, run, key=lambda each: each.result.miou)
            elif known is not run and known.result != run.result:
                raise ValueError(f"another run of row {run.result.row}, seed {run.result.seed} than {known.folder}")
        except (ValueError, OSError) as error:
            reasons[path] = str(error).removeprefix(f"{path} ")
    return Collection(
        tuple(runs.values()),
        tuple(f"{path}: {reason}" for path, reason in reasons.items()),
        {path.parent.parent.name: reason[:80] for path, reason in reversed(reasons.items())},
        trials,
    )


def read_result(path: Path, experiment: str) -> Result:
    """Read one result file. Raises ValueError, in one line, if it is damaged or no job of `experiment` wrote it."""
    try:
        result = Result.model_validate_json(read_bytes(path, RESULT_BYTES))
    except ValidationError as error:
        places = {fault["loc"][:1] for fault in error.errors(include_input=False)}
        other = any((field,) in places for field in JOB_FIELDS)
        raise ValueError("not written by a job of an experiment" if other else explain(error)) from error
    if result.experiment != experiment:
        raise ValueError(f"a result of experiment={result.experiment}")
    return result


def _files(roots: Iterable[Path]) -> list[Path]:
    """List each result file once, also where one root lies within another, in the order of the roots."""
    found: dict[str, Path] = {}
    for root in roots:
        found = {**found, **{place: path for place, path in find(root, RESULT).items() if place not in found}}
    return list(found.values())
