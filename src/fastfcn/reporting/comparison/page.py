"""The results page: one HTML file that needs nothing but itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fastfcn.reporting.comparison.cells import Grid, accuracy_grid, published_grid, speed_grid
from fastfcn.reporting.comparison.curves import Curve, curve_of
from fastfcn.reporting.comparison.figures import Point, learning_curves, scatter
from fastfcn.reporting.comparison.gallery import Gallery, build_gallery, has_pictures
from fastfcn.reporting.comparison.order import pareto_front, ranked
from fastfcn.reporting.comparison.sentences import findings, notes, speed_findings
from fastfcn.reporting.comparison.speed import Entry
from fastfcn.reporting.comparison.table import Line, Table
from fastfcn.reporting.upsampling.figures import charts
from fastfcn.reporting.upsampling.scoring import UpsamplingScores
from fastfcn.reporting.upsampling.wording import upsampling_grid, upsampling_notes
from fastfcn.reporting.verdicts.evidence import Judged, effect_grids, judged_grid
from fastfcn.reporting.verdicts.trials import tuning_curves, tuning_notes
from fastfcn.reporting.verdicts.wording import method
from fastfcn.tracking.keys import BEST_METRIC, TRAIN_LOSS

if TYPE_CHECKING:
    from fastfcn.reporting.comparison.report import Report

TEMPLATES = "reporting/comparison/template"


@dataclass(frozen=True)
class Section:
    """A table of the page with all that is drawn of it; `iou` has the IoU of classes by row, for the script."""

    name: str
    title: str
    data: str
    findings: list[str]
    grid: Grid
    notes: list[str]
    verdicts: Grid | None
    method: list[str]
    effects: dict[str, Grid]
    tuning: Grid | None
    tuning_notes: list[str]
    tuning_chart: Markup | None
    upsampling: Grid | None
    upsampling_notes: list[str]
    upsampling_charts: list[tuple[str, str, Markup]]
    scatter: Markup | None
    front: str
    bars: str
    curves: Markup | None
    faults: list[str]
    gallery: Gallery | None
    hidden: bool
    iou: dict[str, dict[str, float | None]]
    best: str
    worst: str


def to_html(report: "Report", *, made: date) -> str:
    """Render the page, with style, script, charts and pictures inside it."""
    environment = Environment(
        loader=PackageLoader("fastfcn", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # classes stay in the dataset's order
    folder = files("fastfcn") / TEMPLATES
    return environment.get_template("page.html").render(
        report=report,
        made=made.isoformat(),
        style=Markup((folder / "page.css").read_text()),
        script=Markup((folder / "page.js").read_text()),
        sections=[
            _section(f"table-{index}", *parts, report)
            for index, parts in enumerate(
                zip(report.tables, report.judged, report.upsampling, report.tuning, strict=True), 1
            )
        ],
        speed=speed_grid(report.rows, report.speeds, report.published) if report.speeds.paths else None,
        speed_findings=speed_findings(report.speeds, report.published) if report.speeds.paths else [],
        published=published_grid(report.published),
        provenance=provenance(report),
    )


def _section(
    name: str, table: Table, judged: Judged, upsampling: UpsamplingScores | None, tuning: Grid | None, report: "Report"
) -> Section:
    order = ranked(table.lines)
    shown = table.group.data in report.shown
    picture, front = _scatter(name, table, judged, report.speeds.of(table.lines))
    faults: list[str] = []
    curves = _curves(name, table, faults)
    return Section(
        name=name,
        title=str(table.group),
        data=table.group.data,
        findings=findings(table, report.published, judged, report.speeds.of(table.lines)),
        grid=accuracy_grid(table, report.speeds.of(table.lines)),
        notes=notes(table),
        verdicts=judged_grid(judged),
        method=method(judged.judgement) if judged.judgement else [],
        effects=effect_grids(judged),
        tuning=tuning,
        tuning_notes=tuning_notes(tuning) if tuning else [],
        tuning_chart=_trials(name, table, tuning) if tuning else None,
        upsampling=upsampling_grid(upsampling) if upsampling else None,
        upsampling_notes=upsampling_notes(upsampling) if upsampling else [],
        upsampling_charts=charts(upsampling, name) if upsampling else [],
        scatter=picture,
        front=front,
        bars="95 % intervals over images and seeds" if judged.judgement else "the range of seeds",
        curves=curves,
        faults=list(dict.fromkeys(faults)),
        gallery=build_gallery(table.lines, judged.differing) if shown else None,
        hidden=has_pictures(table.lines) and not shown,
        iou={line.label: line.iou for line in table.lines},
        best=order[0].label,
        worst=order[-1].label,
    )


def _scatter(name: str, table: Table, judged: Judged, speeds: Mapping[str, Entry]) -> tuple[Markup | None, str]:
    """Draw mIoU against images a second where every row's were measured, or else against operations."""
    if len(table.lines) < 2:
        return None, ""
    timed = all(line.label in speeds for line in table.lines)
    points = [_point(line, speeds[line.label] if timed else None, judged) for line in table.lines]
    sign = -1 if timed else 1
    front = pareto_front([(sign * point.cost, point.mean) for point in points])
    cost = "images a second" if timed else "GFLOPs of one image of 512 x 512 (less is cheaper)"
    picture = scatter(points, cost=cost, falling=timed, name=f"{name}-scatter")
    return Markup(picture), ", ".join(points[index].label for index in front)


def _point(line: Line, speed: Entry | None, judged: Judged) -> Point:
    found = judged.estimates.get(line.label)
    ends = (100 * min(line.miou.values), 100 * max(line.miou.values)) if found is None else (found.low, found.high)
    operations = line.runs[0].result.gflops
    cost, costs = (operations, (operations, operations)) if speed is None else (speed.fps, speed.fps_range)
    return Point(line.label, cost, 100 * line.miou.mean, *ends, costs)


def _curves(name: str, table: Table, faults: list[str]) -> Markup | None:
    labels = [line.label for line in table.lines]
    scores, losses = (_curves_of(table, metric, faults) for metric in (BEST_METRIC, TRAIN_LOSS))
    panels = {
        "mIoU of validation crops while training, %": {label: curve.in_percent() for label, curve in scores.items()},
        "training loss": losses,
    }
    shown = {title: curves for title, curves in panels.items() if curves}
    return Markup(learning_curves(shown, labels, name=f"{name}-curves")) if shown else None


def _trials(name: str, table: Table, tuning: Grid) -> Markup:
    panels = {"mIoU to expect of the best trial, %": tuning_curves(tuning)}
    labels = [line.label for line in table.lines]
    return Markup(learning_curves(panels, labels, name=f"{name}-trials", across="trials"))


def _curves_of(table: Table, metric: str, faults: list[str]) -> dict[str, Curve]:
    found = {line.label: curve_of(line, metric, faults) for line in table.lines}
    return {label: curve for label, curve in found.items() if curve is not None}


def provenance(report: "Report") -> list[tuple[str, str]]:
    """Say what made the results: commits, devices and versions, each with its runs where there are several."""
    results = [run.result for run in report.runs]
    packages = sorted({name for result in results for name in result.versions})
    makers = {
        "commit": [result.commit or "unknown" for result in results],
        "device": [result.device for result in results],
        **{name: [result.versions.get(name, "unknown") for result in results] for name in packages},
    }
    return [(name, _tally(values)) for name, values in makers.items() if values]


def _tally(values: Sequence[str]) -> str:
    counts = Counter(values)
    if len(counts) == 1:
        return values[0]
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(counts.items()))
