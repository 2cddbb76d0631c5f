"""A report on an experiment: results.csv, results.md and index.html."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fastfcn.files import write_atomically
from fastfcn.reporting.comparison.experiment import Introduction, read_introduction, read_rows
from fastfcn.reporting.comparison.gallery import FREE
from fastfcn.reporting.comparison.published import Published, read_published
from fastfcn.reporting.comparison.runs import Run, collect
from fastfcn.reporting.comparison.speed import Speeds, read_speeds
from fastfcn.reporting.comparison.table import Table, build_tables


@dataclass(frozen=True)
class Report:
    """All that is known of an experiment; `rows` are the names that it should have, `shown` the data with pictures."""

    name: str
    introduction: Introduction
    rows: tuple[str, ...]
    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
    published: Published
    tables: tuple[Table, ...]
    speeds: Speeds
    shown: frozenset[str]


def build_report(folder: Path, roots: Sequence[Path], *, shown: Iterable[str] = ()) -> Report:
    """Collect what lies below `roots` for the experiment in `folder`.

    Raises FileNotFoundError for a folder that is not there, ValueError for a damaged file of the experiment's own.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; {_choices(folder)}")
    for root in roots:
        if not root.is_dir():
            raise FileNotFoundError(f"{root} is no folder of results; name the folder that a sweep wrote")
    name = folder.resolve().name
    published = read_published(folder)
    sweep = read_rows(folder)
    rows = tuple(dict.fromkeys((*sweep, *published.rows)))
    found = collect(roots, name)
    if not rows and not found.runs:
        raise ValueError(
            f"{folder} is no experiment: it has no sweep.yaml, no published.yaml and no results; {_choices(folder)}"
        )
    tables = tuple(build_tables(found.runs, rows, published, found.reasons))
    known = sorted({table.group.data for table in tables})
    if unknown := sorted({*shown} - {*known}):
        raise ValueError(f"--pictures {unknown[0]}: no result is of that data; there are {', '.join(known) or 'none'}")
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
    )


def _choices(folder: Path) -> str:
    names = sorted(path.parent.name for path in folder.parent.glob("*/published.yaml"))
    return f"experiments beside it: {', '.join(names)}" if names else "name a folder such as experiments/upsampling"


def write_report(report: Report, output: Path, *, made: date) -> list[Path]:
    """Write the three files into `output` and return their paths."""
    from fastfcn.reporting.comparison.export import to_csv, to_markdown
    from fastfcn.reporting.comparison.page import to_html

    contents = {
        "results.csv": to_csv(report.runs),
        "results.md": to_markdown(report, made=made),
        "index.html": to_html(report, made=made),
    }
    for name, text in contents.items():
        write_atomically(output / name, text.encode())
    return [output / name for name in contents]
