"""The report as CSV, one line a run, and as Markdown."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from fastfcn.reporting.comparison.cells import Grid, accuracy_grid, speed_grid
from fastfcn.reporting.comparison.findings import findings, notes, speed_findings
from fastfcn.reporting.comparison.runs import Run

if TYPE_CHECKING:
    from fastfcn.reporting.comparison.report import Report


def to_csv(runs: Sequence[Run]) -> str:
    """Write a line a run; scores are fractions, written so that they read back as the same numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    fields = ("experiment", "data", "split", "protocol", "steps", "row", "seed")
    parts = ("backbone", "output_stride", "upsampling", "head")
    costs = ("parameters", "gflops", "seconds", "device", "commit")
    writer.writerow((*fields, "miou", "pixacc", *parts, *costs))
    for result in sorted((run.result for run in runs), key=lambda each: [getattr(each, name) for name in fields]):
        writer.writerow(
            (
                *(getattr(result, name) for name in fields),
                result.miou,
                result.pixacc,
                *(getattr(result.model, name) for name in parts),
                *(getattr(result, name) for name in costs),
            )
        )
    return stream.getvalue()


def to_markdown(report: "Report", *, made: date) -> str:
    """Write the tables with what they show."""
    blocks = [f"# {report.introduction.title}", report.introduction.question]
    blocks.append(f"Made on {made.isoformat()} by `python src/report.py experiments/{report.name}`.")
    if not report.tables and not report.speeds.paths:
        blocks.append(f"No results yet. Rows without one: {', '.join(report.rows)}.")
    for table in report.tables:
        blocks.append(f"## {table.group}")
        blocks.extend(findings(table, report.published))
        blocks.append(markdown_table(accuracy_grid(table, report.speeds.compared)))
        blocks.extend(notes(table))
    if report.speeds.paths:
        blocks.append("## Speed")
        blocks.extend(speed_findings(report.speeds, report.published))
        blocks.append(markdown_table(speed_grid(report.rows, report.speeds, report.published)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_table(grid: Grid) -> str:
    """Write a grid as a pipe table; numbers are set right."""
    lines = [
        "| " + " | ".join(grid.headings) + " |",
        "|" + "|".join("---:" if numeric else "---" for numeric in grid.numeric) + "|",
    ]
    lines += ["| " + " | ".join(cell.text.replace("|", "\\|") for cell in cells) + " |" for cells in grid.rows]
    return "\n".join(lines)
