"""The report as CSV, one line a run, and as Markdown."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from fastfcn.reporting.comparison.cells import Grid, accuracy_grid, speed_grid
from fastfcn.reporting.comparison.runs import Run
from fastfcn.reporting.comparison.sentences import findings, notes, speed_findings
from fastfcn.reporting.upsampling.wording import TITLE, upsampling_grid, upsampling_notes
from fastfcn.reporting.verdicts.evidence import effect_grids, judged_grid, named_verdicts
from fastfcn.reporting.verdicts.judging import Verdict
from fastfcn.reporting.verdicts.trials import tuning_notes
from fastfcn.reporting.verdicts.wording import method

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


def verdicts_to_csv(report: "Report") -> str:
    """Write a line a verdict, in points: on mIoU, for pairs that are shown also by class, and on published numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    fields = [field.name for field in dataclasses.fields(Verdict)]
    writer.writerow(("data", "split", "protocol", "steps", "budget", "class", *fields))
    for table, judged in zip(report.tables, report.judged, strict=True):
        for name, verdict in named_verdicts(table, judged):
            writer.writerow((*dataclasses.astuple(table.group), name, *dataclasses.astuple(verdict)))
    return stream.getvalue()


def to_markdown(report: "Report", *, made: date) -> str:
    """Write the tables with what they show."""
    blocks = [f"# {report.introduction.title}", report.introduction.question]
    blocks.append(f"Made on {made.isoformat()} by `python src/report.py experiments/{report.name}`.")
    if not report.tables and not report.speeds.paths:
        blocks.append(f"No results yet. Rows without one: {', '.join(report.rows)}.")
    parts = (report.tables, report.judged, report.upsampling, report.tuning)
    for table, judged, upsampling, tuning in zip(*parts, strict=True):
        blocks.append(f"## {table.group}")
        blocks.extend(findings(table, report.published, judged, report.speeds.of(table.lines)))
        blocks.append(markdown_table(accuracy_grid(table, report.speeds.of(table.lines))))
        blocks.extend(notes(table))
        if (grid := judged_grid(judged)) is not None and judged.judgement is not None:
            blocks.append(markdown_table(grid))
            blocks.extend(method(judged.judgement))
        for title, effects in effect_grids(judged).items():
            blocks += [f"### {title}", markdown_table(effects)]
        if tuning is not None:
            blocks += ["### Trials", markdown_table(tuning), *tuning_notes(tuning)]
        if upsampling is not None:
            blocks += [f"### {TITLE}", markdown_table(upsampling_grid(upsampling)), *upsampling_notes(upsampling)]
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
