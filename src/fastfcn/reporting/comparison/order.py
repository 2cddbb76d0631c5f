"""Which row is better, as measured and as published, and which rows are worth their cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from fastfcn.reporting.comparison.published import Published, Setting
from fastfcn.reporting.comparison.table import Line

NAMED = 4  # pairs in a sentence

Open = Callable[[Line, Line], bool]  # whether it is open which of two rows is better


def ranked(lines: Sequence[Line]) -> list[Line]:
    """Sort by mean mIoU, best first."""
    return sorted(lines, key=lambda line: -line.miou.mean)


def overlap(one: Line, other: Line) -> bool:
    """Tell whether the seeds of two rows leave open which is better: the ranges of their mIoU overlap."""
    first, second = one.miou.values, other.miou.values
    return max(min(first), min(second)) <= min(max(first), max(second))


def measured_order(lines: Sequence[Line], is_open: Open = overlap) -> str:
    """Write the rows best first, `>` between neighbours or `≈` where it is open which is better."""
    order = ranked(lines)
    signs = ["≈" if is_open(*pair) else ">" for pair in pairwise(order)]
    named = [f"{line.label} {100 * line.miou.mean:.2f}" for line in order]
    return " ".join([named[0], *(f"{sign} {name}" for sign, name in zip(signs, named[1:], strict=True))])


@dataclass(frozen=True)
class Agreement:
    """A published order of measured rows, and the pairs (better, worse as published) by what was measured."""

    setting: Setting
    order: tuple[str, ...]
    agreeing: tuple[tuple[str, str], ...]
    reversed: tuple[tuple[str, str], ...]
    undecided: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """State the published order and whether the measured one is the same."""
        numbers = " > ".join(f"{row} {self.setting.rows[row].miou:.2f}" for row in self.order)
        total = len(self.agreeing) + len(self.reversed) + len(self.undecided)
        verdict = f"the measured order agrees in {len(self.agreeing)} of {total} pairs"
        if len(self.agreeing) == total:
            verdict = "the measured order agrees"
        if self.reversed:
            verdict += f", is the reverse in {_listed(self.reversed)}"
        if self.undecided:
            verdict += f", is left open in {_listed(self.undecided)}"
        return f"Published on {self.setting}: {numbers}; {verdict}."


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    """Count the pairs, and name them where they are few."""
    names = f" ({', '.join(f'{better} > {worse}' for better, worse in pairs)})" if len(pairs) <= NAMED else ""
    return f"{len(pairs)}{names}"


def agreements(lines: Sequence[Line], published: Published, is_open: Open = overlap) -> list[Agreement]:
    """Compare the measured order with the published ones that rank at least two of the measured rows.

    They are those on our dataset, or else on the first of the file, which is the paper's own table.
    """
    found = []
    for setting in published.settings:
        ours = {row: _line_for(row, setting, lines) for row, scores in setting.rows.items() if scores.miou is not None}
        measured = {row: line for row, line in ours.items() if line is not None}
        if len(measured) > 1:
            found.append(_agreement(setting, measured, is_open))
    datasets = [agreement.setting.dataset for agreement in found]
    own = lines[0].runs[0].result.data
    chosen = own if own in datasets else next(iter(datasets), None)
    return [agreement for agreement in found if agreement.setting.dataset == chosen]


def _line_for(row: str, setting: Setting, lines: Sequence[Line]) -> Line | None:
    own = [line for line in lines if line.row == row]
    return min(own, key=lambda line: line.runs[0].result.model.backbone != setting.backbone, default=None)


def _agreement(setting: Setting, measured: dict[str, Line], is_open: Open) -> Agreement:
    order = sorted(measured, key=lambda row: -(setting.rows[row].miou or 0))
    pairs: dict[str, list[tuple[str, str]]] = {"agreeing": [], "reversed": [], "undecided": []}
    for better, worse in combinations(order, 2):
        if setting.rows[better].miou == setting.rows[worse].miou:
            continue
        one, other = measured[better], measured[worse]
        kind = "agreeing" if one.miou.mean > other.miou.mean else "reversed"
        pairs["undecided" if is_open(one, other) else kind].append((better, worse))
    return Agreement(setting, tuple(order), **{kind: tuple(each) for kind, each in pairs.items()})


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the (cost, score) points that none beats, by rising cost.

    A point is beaten by one that costs no more and scores no less, and is better in one of the two.
    """
    front = [
        index
        for index, (cost, score) in enumerate(points)
        if not any(
            other_cost <= cost and other >= score and (other_cost, other) != (cost, score)
            for other_cost, other in points
        )
    ]
    return sorted(front, key=lambda index: points[index])
