"""What searching gave each row: the score to expect of the best of n trials (Dodge et al. 2019, arXiv:1909.03004)."""

from collections import defaultdict
from collections.abc import Sequence

from fastfcn.reporting.comparison.cells import BLANK, Cell, Grid, number, word
from fastfcn.reporting.comparison.curves import Curve
from fastfcn.reporting.comparison.runs import Run, Trials
from fastfcn.reporting.comparison.table import Line

SHOWN = (1, 2, 4, 8, 16, 32, 64)  # trials


def expected_best(scores: Sequence[float]) -> list[float]:
    """Return the expected best of 1, 2, ... N scores drawn with replacement from N, P(best <= v) = P(score <= v)^n."""
    ordered, count = sorted(scores), len(scores)
    return [
        sum(score * ((rank / count) ** drawn - ((rank - 1) / count) ** drawn) for rank, score in enumerate(ordered, 1))
        for drawn in range(1, count + 1)
    ]


def tuning_grid(lines: Sequence[Line], trials: Trials) -> Grid | None:
    """Lay out, for rows of which trials were run, the expected best of n, in percent, the mean over their seeds."""
    tried: dict[str, list[Sequence[Run]]] = defaultdict(list)
    for line in lines:
        searches = [trials.get(key, ()) for key in (line.runs[0].tuned, *(run.identity for run in line.runs))]
        tried[line.label] += [each for each in searches if len(each) > 1]
    known = {label: each for label, each in tried.items() if each}
    if not known:
        return None
    curves = {label: [expected_best([run.result.miou for run in each]) for each in known[label]] for label in known}
    most = max(len(curve) for each in curves.values() for curve in each)
    counts = [*(count for count in SHOWN if count < most), most]
    rows = [
        (word(label), _count(each), *(_mean(each, count) for count in counts), _options(known[label]))
        for label, each in curves.items()
    ]
    headings = ("row", "trials", *(f"best of {count}" for count in counts), "the best")
    return Grid(headings, (False, *(True for _ in headings[2:]), False), tuple(rows))


def tuning_curves(grid: Grid) -> dict[str, Curve]:
    """Read the best to expect against the number of trials off the table, by row."""
    counts = [int(heading.rpartition(" ")[2]) for heading in grid.headings[2:-1]]
    curves = {}
    for label, _, *cells, _ in grid.rows:
        points = [(count, cell.value) for count, cell in zip(counts, cells, strict=True) if cell.value is not None]
        steps, values = zip(*points, strict=True)
        curves[label.text] = Curve(steps, values, values, values)
    return curves


def tuning_notes(grid: Grid) -> list[str]:
    """Explain the table; rows that were searched for longer than others are no fair comparison."""
    lines = [
        "mIoU to expect of the best of so many trials, drawn from those run. Of rows tuned by tune=N the table above "
        "has runs of other seeds than that of the trials, with the options of the trial of the best validation score. "
        "Of other rows it has the best trial of every seed, by the very score that is shown, which flatters them."
    ]
    if len({cells[1].text for cells in grid.rows}) > 1:
        lines.append(
            "The rows had different numbers of trials: give each as many. One whose loss was no longer finite is none."
        )
    return lines


def _options(searches: Sequence[Sequence[Run]]) -> Cell:
    """Tell what the folders of the best trials are named by beside their seeds."""
    best = [max(each, key=lambda run: run.result.miou).folder.name for each in searches]
    return word("; ".join(dict.fromkeys(name.partition(",")[2] for name in best)))


def _count(curves: Sequence[Sequence[float]]) -> Cell:
    counts = sorted({len(curve) for curve in curves})
    return Cell(" to ".join(str(each) for each in dict.fromkeys((counts[0], counts[-1]))), counts[-1])


def _mean(curves: Sequence[Sequence[float]], count: int) -> Cell:
    """Average over the seeds that have so many trials."""
    values = [curve[count - 1] for curve in curves if len(curve) >= count]
    return number(100 * sum(values) / len(values), ".2f") if values else BLANK
