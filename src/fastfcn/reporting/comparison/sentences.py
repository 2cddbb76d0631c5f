"""What a table shows, in sentences that are computed from it."""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

from fastfcn.reporting.comparison.cells import incomparable, published_fps
from fastfcn.reporting.comparison.order import agreements, measured_order, ranked
from fastfcn.reporting.comparison.published import Published
from fastfcn.reporting.comparison.speed import Entry, Speeds
from fastfcn.reporting.comparison.table import Table
from fastfcn.reporting.verdicts.evidence import NOT_JUDGED, Judged
from fastfcn.reporting.verdicts.judging import Judgement, not_worse
from fastfcn.reporting.verdicts.wording import published_sentence
from fastfcn.reporting.verdicts.wording import sentences as verdict_sentences

NO_SPEEDS: Mapping[str, Entry] = MappingProxyType({})


def findings(
    table: Table, published: Published, judged: Judged = NOT_JUDGED, speeds: Mapping[str, Entry] = NO_SPEEDS
) -> list[str]:
    """State the verdicts, or else the measured order, and whether each published order is the same."""
    judgement = judged.judgement
    sentences = [] if judgement is None else verdict_sentences(judgement)
    sentences += [_cheapest(table, judgement, judged.than, speeds)] if judgement and len(table.lines) > 1 else []
    sentences += [published_sentence(each) for each in judged.published]
    sentences += [f"No verdict on {label}: {reason}." for label, reason in judged.reasons.items() if judgement]
    if len(table.lines) > 1:
        order = measured_order(table.lines, judged.is_open)
        sentences.append(f"Measured order by mean mIoU, %: {order}.{_caution(table, judged)}")
        compared = [str(agreement) for agreement in agreements(table.lines, published, judged.is_open)]
        none = "No published order: at most one of the measured rows has a published mIoU under any one protocol."
        sentences += compared or [none]
    if table.missing:
        sentences.append(f"Without a result: {', '.join(missing.row for missing in table.missing)}.")
    return sentences


def _cheapest(table: Table, judgement: Judgement, than: str | None, speeds: Mapping[str, Entry]) -> str:
    """Name the cheapest row that is not worse than one, or else the best, by the margin or more.

    Cheap is fast where every row's speed was measured, or else of few operations.
    """
    judged = [line for line in ranked(table.lines) if line.label in judgement.samples]
    other = next((line.label for line in judged if than in (line.row, line.label)), judged[0].label)
    sure = not_worse(judgement, other)
    timed = all(line.label in speeds for line in table.lines)
    row = min(
        (line for line in judged if line.label in sure),
        key=lambda line: -speeds[line.label].fps if timed else line.runs[0].result.gflops,
    )
    margin = f"{judgement.margin:g} {'point' if judgement.margin == 1 else 'points'}"
    cost = f"{speeds[row.label].fps:.2f} images a second" if timed else f"{row.runs[0].result.gflops:.1f} GFLOPs"
    if row.label == other:
        cheaper = "No faster row" if timed else "No row of fewer operations"
        return f"{cheaper} is sure to lose less than {margin} against {other} ({cost})."
    return f"The cheapest row that is sure to lose less than {margin} against {other}: {row.label} ({cost})."


def _caution(table: Table, judged: Judged) -> str:
    order = ranked(table.lines)
    single = [line.label for line in order if len(line.runs) == 1]
    close = any(judged.is_open(*pair) for pair in pairwise(order))
    sign = "the ranges over seeds overlap" if judged.judgement is None else "no difference is shown"
    text = f" ≈ stands where {sign}." if close else ""
    if len(single) == len(order):
        text += " Every row has one seed, so how far another seed would move it is not known."
    elif single:
        text += f" One seed only: {', '.join(single)}."
    return text


def notes(table: Table) -> list[str]:
    """Explain the columns of a table."""
    lines = [f"Not comparable with the published number: {reason}." for reason in incomparable(table)]
    if any(len(line.runs) > 1 for line in table.lines):
        lines.append("mIoU and pixAcc are means over seeds, ± the sample standard deviation.")
    lines.append(
        "GFLOPs are those of one image of 512 x 512, a multiply-add counted as two. "
        "An empty published cell: the number is not at hand."
    )
    return lines


def speed_findings(speeds: Speeds, published: Published) -> list[str]:
    """State the measured order of speed on each path and whether the published one is the same."""
    sentences = [f"Measured on {speeds.conditions}."]
    theirs = published_fps(published)
    for path, entries in speeds.paths.items():
        order = sorted(entries, key=lambda row: -entries[row].fps)
        text = f"Measured order by FPS, {path}: {' > '.join(f'{row} {entries[row].fps:.2f}' for row in order)}"
        ours = [row for row in order if row in theirs]
        if len(ours) > 1:
            same = ours == sorted(ours, key=lambda row: -theirs[row])
            text += f"; the published rows are in {'the published' if same else 'another'} order"
        sentences.append(f"{text}.")
    if theirs:
        numbers = " > ".join(f"{row} {theirs[row]:.2f}" for row in sorted(theirs, key=lambda row: -theirs[row]))
        sentences.append(
            f"Published: {numbers}. The devices differ, so only ratios compare: "
            "times are multiples of the slowest published row."
        )
    return sentences
