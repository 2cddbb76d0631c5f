"""An experiment's table: a line a row, averaged over seeds, beside the published numbers."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from fastfcn.reporting.comparison.published import Conditions, Published, Reference, nearest
from fastfcn.reporting.comparison.runs import Run

EQUAL = 0.02  # by which the operations of trainings that spent as much may differ


@dataclass(frozen=True)
class Group:
    """What the runs of one table have in common; only such runs are averaged and ranked.

    They took as many `steps`, or with None spent as much of something else, the `budget`.
    """

    data: str
    split: str
    protocol: str
    steps: int | None
    budget: str = ""

    def __str__(self) -> str:
        """Name the group."""
        return f"{self.data} {self.split}, protocol {self.protocol}, {self.budget or f'{self.steps:,} steps'}"


def group_runs(runs: Sequence[Run]) -> dict[Group, list[Run]]:
    """Group the runs of equal steps, and those of equal operations or seconds; a run may be in two groups.

    Of a row that is alone with its steps, and in company with its operations, only the latter is a table.
    """
    groups: dict[Group, list[Run]] = defaultdict(list)
    for run in runs:
        result, conditions = run.result, (run.result.data, run.result.split, run.result.protocol)
        if result.budget_seconds is None:
            groups[Group(*conditions, result.steps)].append(run)
        else:
            groups[Group(*conditions, None, f"{result.budget_seconds:,g} s of passes")].append(run)
    for conditions in {(group.data, group.split, group.protocol) for group in groups}:
        alike = {group: own for group, own in groups.items() if group == Group(*conditions, group.steps)}
        for together in _equal_operations([run for own in alike.values() for run in own]):
            mean = statistics.fmean(run.result.training_gflops or 0 for run in together)
            groups[Group(*conditions, None, f"{mean:,.0f} GFLOPs of training")] = together
            for group, own in alike.items():
                if len({run.result.row for run in own}) == 1 and all(run in together for run in own):
                    groups.pop(group, None)
    return groups


def _equal_operations(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Yield the runs of several rows that spent as many operations in different numbers of steps."""
    left = sorted((run for run in runs if run.result.training_gflops), key=lambda run: run.result.training_gflops or 0)
    while left:
        most = (1 + EQUAL) * (left[0].result.training_gflops or 0)
        together = [run for run in left if (run.result.training_gflops or 0) <= most]
        left = left[len(together) :]
        if min(len({getattr(run.result, name) for run in together}) for name in ("row", "steps")) > 1:
            yield together


@dataclass(frozen=True)
class Statistic:
    """A number over seeds: `spread` is the sample standard deviation, None for a single seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation (n - 1)."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Line:
    """One row with its runs, ordered by seed. `label` is the row's name, and the model where one row had several."""

    row: str
    label: str
    runs: tuple[Run, ...]
    reference: Reference | None

    @cached_property
    def miou(self) -> Statistic:
        """Mean IoU, a fraction."""
        return Statistic(tuple(run.result.miou for run in self.runs))

    @cached_property
    def pixacc(self) -> Statistic:
        """Pixel accuracy, a fraction."""
        return Statistic(tuple(run.result.pixacc for run in self.runs))

    @property
    def comparable(self) -> float | None:
        """The published mIoU, None where there is none to compare ours with."""
        return self.reference.scores.miou if self.reference is not None and self.reference.comparable else None

    @property
    def difference(self) -> float | None:
        """Ours minus the published mIoU in points, None where they are not comparable."""
        return None if self.comparable is None else 100 * self.miou.mean - self.comparable

    @property
    def iou(self) -> dict[str, float | None]:
        """IoU a class, the mean over the seeds in which the class occurs."""
        names = dict.fromkeys(name for run in self.runs for name in run.result.iou)
        values = {name: [run.result.iou.get(name) for run in self.runs] for name in names}
        known = {name: [value for value in each if value is not None] for name, each in values.items()}
        return {name: statistics.fmean(each) if each else None for name, each in known.items()}

    @property
    def seconds(self) -> float:
        """Mean duration of a run."""
        return statistics.fmean(run.result.seconds for run in self.runs)


@dataclass(frozen=True)
class Missing:
    """A row of the experiment without a result; `reason` says what is wrong with one that is there."""

    row: str
    reference: Reference | None
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """The lines of one group in the experiment's order, and the rows that have no result in it."""

    group: Group
    lines: tuple[Line, ...]
    missing: tuple[Missing, ...]


def build_tables(
    runs: Sequence[Run], rows: Sequence[str], published: Published, reasons: Mapping[str, str] = MappingProxyType({})
) -> list[Table]:
    """Make a table of every group; `rows` are all that the experiment has, in its order.

    `reasons` say of rows why a result of theirs was left out.
    """
    groups = sorted(group_runs(runs).items(), key=lambda each: (each[0].data, -(each[0].steps or 0), str(each[0])))
    return [_table(group, own, rows, published, reasons) for group, own in groups]


def _table(
    group: Group, runs: Sequence[Run], rows: Sequence[str], published: Published, reasons: Mapping[str, str]
) -> Table:
    present = dict.fromkeys(run.result.row for run in runs)
    order = [*(row for row in rows if row in present), *sorted(row for row in present if row not in rows)]
    lines = [line for row in order for line in _lines(row, [run for run in runs if run.result.row == row], published)]
    conditions = Conditions(group.data, group.split, group.protocol, lines[0].runs[0].result.model.backbone)
    missing = [
        Missing(row, nearest(published, row, conditions), reasons.get(row, "")) for row in rows if row not in present
    ]
    return Table(group, tuple(lines), tuple(missing))


def _lines(row: str, runs: Sequence[Run], published: Published) -> list[Line]:
    """Split a row's runs by model: those of another backbone are no further seeds."""
    models = sorted({run.result.model for run in runs}, key=str)
    lines = []
    for model in models:
        own = sorted((run for run in runs if run.result.model == model), key=lambda run: run.result.seed)
        parts = model.model_dump()
        differing = [str(value) for name, value in parts.items() if len({getattr(each, name) for each in models}) > 1]
        label = f"{row} ({', '.join(differing)})" if differing else row
        result = own[0].result
        conditions = Conditions(result.data, result.split, result.protocol, model.backbone)
        lines.append(Line(row, label, tuple(own), nearest(published, row, conditions)))
    return lines
