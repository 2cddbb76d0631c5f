"""A report on an experiment: results.csv, results.md and index.html."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fastfcn.files import write_atomically
from fastfcn.reporting.comparison.cells import Grid
from fastfcn.reporting.comparison.experiment import SWEEP, Introduction, read_introduction, read_sweep
from fastfcn.reporting.comparison.gallery import FREE
from fastfcn.reporting.comparison.published import Published, read_published
from fastfcn.reporting.comparison.runs import Run, collect
from fastfcn.reporting.comparison.speed import Speeds, read_speeds
from fastfcn.reporting.comparison.table import Table, build_tables
from fastfcn.reporting.upsampling.scoring import UpsamplingScores, score_upsampling
from fastfcn.reporting.verdicts.evidence import Judged, judge_lines
from fastfcn.reporting.verdicts.judging import MARGIN
from fastfcn.reporting.verdicts.trials import tuning_grid


@dataclass(frozen=True)
class Report:
    """All that is known of an experiment; `rows` are the names that it should have, `shown` the data with pictures.

    `judged` holds the verdicts of every table, `upsampling` where its rows differ in an image, None if not counted,
    and `tuning` what trials gave its rows, None without.
    """

    name: str
    introduction: Introduction
    rows: tuple[str, ...]
    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
    published: Published
    tables: tuple[Table, ...]
    speeds: Speeds
    shown: frozenset[str]
    judged: tuple[Judged, ...]
    upsampling: tuple[UpsamplingScores | None, ...]
    tuning: tuple[Grid | None, ...]


def build_report(
    folder: Path,
    roots: Sequence[Path],
    *,
    shown: Iterable[str] = (),
    margin: float = MARGIN,
    than: str | None = None,
) -> Report:
    """Collect what lies below `roots` for the experiment in `folder`.

    Rows that differ by less than `margin` points may be called equivalent; the cheapest row that is not worse than
    row `than`, or the best, is named. Raises FileNotFoundError for a folder that
    is not there, ValueError for a damaged file of the experiment's own.
    """
    if not 0 < margin <= 100:
        raise ValueError(f"margin must be more than 0 and at most 100 points, got {margin:g}")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; {_choices(folder)}")
    for root in roots:
        if not root.is_dir():
            raise FileNotFoundError(f"{root} is no folder of results; name the folder that a sweep wrote")
    name = folder.resolve().name
    published = read_published(folder)
    sweep = read_sweep(folder / SWEEP).rows if (folder / SWEEP).exists() else {}
    rows = tuple(dict.fromkeys((*sweep, *published.rows)))
    found = collect(roots, name)
    if not rows and not found.runs:
        raise ValueError(
            f"{folder} is no experiment: it has no sweep.yaml, no published.yaml and no results; {_choices(folder)}"
        )
    tables = tuple(build_tables(found.runs, rows, published, found.reasons))
    known = sorted({table.group.data for table in tables})
    if unknown := sorted({*shown} - {*known}):
        raise ValueError(f"pictures={unknown[0]}: no result is of that data; there are {', '.join(known) or 'none'}")
    measured = list(dict.fromkeys(line.row for table in tables for line in table.lines))
    if than is not None and than not in measured:
        raise ValueError(f"than={than}: no result is of that row; there are {', '.join(measured) or 'none'}")
    return Report(
        name,
        read_introduction(folder),
        rows,
        found.runs,
        found.left_out,
        published,
        tables,
        read_speeds(folder, sweep),
        frozenset((FREE, *shown)),
        tuple(judge_lines(table.lines, margin=margin, than=than) for table in tables),
        tuple(score_upsampling(table.lines) for table in tables),
        tuple(tuning_grid(table.lines, found.trials) for table in tables),
    )


def _choices(folder: Path) -> str:
    names = sorted(path.parent.name for path in folder.parent.glob("*/published.yaml"))
    return f"experiments beside it: {', '.join(names)}" if names else "name a folder such as experiments/upsampling"


def write_report(report: Report, output: Path, *, made: date) -> list[Path]:
    """Write the files into `output` and return their paths; verdicts.csv where there are verdicts."""
    from fastfcn.reporting.comparison.page import to_html
    from fastfcn.reporting.comparison.tabular import to_csv, to_markdown, verdicts_to_csv

    contents = {
        "results.csv": to_csv(report.runs),
        "results.md": to_markdown(report, made=made),
        "index.html": to_html(report, made=made),
    }
    if any(judged.judgement for judged in report.judged):
        contents["verdicts.csv"] = verdicts_to_csv(report)
    for name, text in contents.items():
        write_atomically(output / name, text.encode())
    return [output / name for name in contents]
