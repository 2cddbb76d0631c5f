"""The cells of a table as text, for Markdown and for the page alike."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastfcn.reporting.comparison.published import Published, Reference
from fastfcn.reporting.comparison.speed import Entry, Speeds
from fastfcn.reporting.comparison.table import Line, Missing, Statistic, Table

NOT_COMPARABLE = "not comparable"
MISSING = "missing"
FPS = 11  # the first column of images a second


@dataclass(frozen=True)
class Cell:
    """A text, and the value that it is sorted by: a number, a string, or None for what goes last."""

    text: str
    value: float | str | None = None


BLANK = Cell("")


@dataclass(frozen=True)
class Grid:
    """A table as text: the headings, whether their columns hold numbers, and the rows."""

    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


def word(text: str) -> Cell:
    """Make a cell of text."""
    return Cell(text, text or None)


def number(value: float | None, form: str) -> Cell:
    """Make a cell of a number; an unknown one is empty."""
    return BLANK if value is None else Cell(format(value, form), value)


def percent(statistic: Statistic) -> Cell:
    """Make a cell of a fraction over seeds, in percent."""
    spread = "" if statistic.spread is None else f" ± {100 * statistic.spread:.2f}"
    return Cell(f"{100 * statistic.mean:.2f}{spread}", 100 * statistic.mean)


def accuracy_grid(table: Table, speeds: Mapping[str, Entry]) -> Grid:
    """Lay out a table of scores; columns that hold nothing are left out."""
    headings = ("row", "backbone", "stride", "mIoU, %", "seeds", "published mIoU, %", "difference", "pixAcc, %",
                "GFLOPs", "params, M", "min a run", "FPS", "published FPS")  # fmt: skip
    rows = [_line(line, speeds) for line in table.lines] + [_missing(each, speeds) for each in table.missing]
    return _grid(headings, rows, words=("row", "backbone"))


def _grid(headings: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], *, words: tuple[str, ...]) -> Grid:
    """Leave out the columns that hold nothing; those in `words` hold text."""
    used = [index for index in range(len(headings)) if any(cells[index].text for cells in rows)]
    return Grid(
        tuple(headings[index] for index in used),
        tuple(headings[index] not in words for index in used),
        tuple(tuple(cells[index] for index in used) for cells in rows),
    )


def _line(line: Line, speeds: Mapping[str, Entry]) -> tuple[Cell, ...]:
    result = line.runs[0].result
    return (
        word(line.label),
        word(result.model.backbone),
        number(result.model.output_stride, "d"),
        percent(line.miou),
        number(len(line.runs), "d"),
        _published(line.reference),
        _difference(line),
        percent(line.pixacc),
        number(result.gflops, ".1f"),
        number(result.parameters / 1e6, ".1f"),
        number(line.seconds / 60, ".1f"),
        *_speed(line.label, line.reference, speeds),
    )


def _missing(missing: Missing, speeds: Mapping[str, Entry]) -> tuple[Cell, ...]:
    text = f"{MISSING}: {missing.reason}" if missing.reason else MISSING
    ours = (word(missing.row), BLANK, BLANK, Cell(text), number(0, "d"), _published(missing.reference))
    return *ours, *(BLANK for _ in range(FPS - len(ours))), *_speed(missing.row, missing.reference, speeds)


def _published(reference: Reference | None) -> Cell:
    if reference is None:
        return BLANK
    if reference.scores.miou is None and reference.scores.final is not None:
        return Cell(f"final score {reference.scores.final:.2f}")
    return number(reference.scores.miou, ".2f")


def _difference(line: Line) -> Cell:
    if line.difference is not None:
        return number(line.difference, "+.2f")
    return Cell("" if line.reference is None else NOT_COMPARABLE)


def _speed(label: str, reference: Reference | None, speeds: Mapping[str, Entry]) -> tuple[Cell, Cell]:
    ours = speeds.get(label)
    return (
        number(None if ours is None else ours.fps, ".2f"),
        number(None if reference is None else reference.scores.fps, ".2f"),
    )


def speed_grid(rows: Sequence[str], speeds: Speeds, published: Published) -> Grid:
    """Lay out the measured speeds beside the published ones, and both as multiples of the slowest published row."""
    theirs = published_fps(published)
    lines = []
    for path, entries in speeds.paths.items():
        base = min((row for row in entries if row in theirs), key=lambda row: theirs[row], default=None)
        for row in dict.fromkeys((*rows, *entries)):
            ours, fps = entries.get(row), theirs.get(row)
            cells = [BLANK, BLANK, BLANK, Cell(MISSING)] if ours is None else [
                number(ours.gflops, ".1f"), number(ours.parameters / 1e6, ".1f"),
                number(ours.latency_ms.median, ".1f"), number(ours.fps, ".2f"),
            ]  # fmt: skip
            times = None if ours is None or base is None else ours.fps / entries[base].fps
            their_times = None if fps is None or base is None else fps / theirs[base]
            cells += [number(fps, ".2f"), number(times, ".2f"), number(their_times, ".2f")]
            lines.append((word(row), word(path), *cells))
    headings = (
        "row", "path", "GFLOPs", "params, M", "latency, ms", "FPS", "published FPS", "times", "published times",
    )  # fmt: skip
    return _grid(headings, lines, words=("row", "path"))


def published_fps(published: Published) -> dict[str, float]:
    """Return the published images a second by row."""
    pairs = [(row, scores.fps) for setting in published.settings for row, scores in setting.rows.items()]
    return {row: fps for row, fps in reversed(pairs) if fps is not None}


def published_grid(published: Published) -> Grid:
    """List every published number with its conditions and source."""
    columns = ("row", "mIoU, %", "pixAcc, %", "final score, %", "FPS", "measured on", "source")
    rows = [
        (
            word(row),
            *(number(value, ".2f") for value in (scores.miou, scores.pixacc, scores.final, scores.fps)),
            word(str(setting)),
            word(setting.source),
        )
        for setting in published.settings
        for row, scores in setting.rows.items()
    ]
    return _grid(columns, rows, words=("row", "measured on", "source"))


def incomparable(table: Table) -> list[str]:
    """Say for which rows the published number cannot be compared, and why."""
    labels: dict[str, list[str]] = defaultdict(list)
    for line in table.lines:
        if line.reference is not None and not line.reference.comparable:
            labels["; ".join(line.reference.differences)].append(line.label)
    return [f"{', '.join(names)}: published for {reasons}" for reasons, names in labels.items()]
