"""Claims against results: confirmed, refuted or undecided, with what was found and where."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scipy.special import stdtrit

from fastfcn.reading import read_bytes
from fastfcn.reporting.claims.claim import Claim, Figure, Ratio, Rows
from fastfcn.reporting.comparison.published import read_published
from fastfcn.reporting.comparison.runs import collect
from fastfcn.reporting.comparison.table import build_tables
from fastfcn.reporting.schema import RESULT_BYTES
from fastfcn.reporting.verdicts.evidence import judge_lines
from fastfcn.reporting.verdicts.significance import LEVEL

RESULTS = "results"  # the folder of an experiment's runs
RANGE = ("min", "max")  # beside a median


@dataclass(frozen=True)
class Quantity:
    """A number and the range that it is known to lie in."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it with its range, if it has one."""
        if self.low == self.high:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Finding:
    """What was found of a claim."""

    claim: Claim
    verdict: Literal["confirmed", "refuted", "undecided"]
    evidence: str


def decide_all(claims: Iterable[Claim], folder: Path) -> list[Finding]:
    """Decide every claim by the results in `folder`."""
    return [decide(claim, folder) for claim in claims]


def decide(claim: Claim, folder: Path) -> Finding:
    """Decide a claim: by the whole range of its quantity, or not at all. Without results it is undecided."""
    try:
        found, source = _quantity(claim, folder)
    except (ValueError, OSError) as error:
        reason = f"{error.filename} is not there" if isinstance(error, FileNotFoundError) else str(error)
        return Finding(claim, "undecided", reason.replace(f"{folder}/", ""))
    evidence = f"{found}; {source}"
    if claim.at_least <= found.low and found.high <= claim.at_most:
        return Finding(claim, "confirmed", evidence)
    if found.high < claim.at_least or found.low > claim.at_most:
        return Finding(claim, "refuted", evidence)
    return Finding(claim, "undecided", evidence)


def _quantity(claim: Claim, folder: Path) -> tuple[Quantity, str]:
    if claim.rows is not None:
        return _difference(claim.rows, folder), f"{claim.rows.experiment}/{RESULTS}"
    if claim.ratio is not None:
        return _ratio(claim.ratio, folder), " and ".join(dict.fromkeys((claim.ratio.of.file, claim.ratio.to.file)))
    assert claim.figure is not None
    return figure(claim.figure, folder), claim.figure.file


def _difference(rows: Rows, folder: Path) -> Quantity:
    """Return the difference of two rows, in the range that tests of one side at 5 % leave of it."""
    home = folder / rows.experiment
    found = collect([home / RESULTS], rows.experiment)
    tables = build_tables(found.runs, [], read_published(home))
    wanted = rows.data, rows.split, rows.protocol
    table = next(
        (
            each
            for each in tables
            if (each.group.data, each.group.split, each.group.protocol) == wanted
            and (each.group.steps is None) == (rows.equal == "budget")
            and rows.steps in (None, each.group.steps)
        ),
        None,
    )
    if table is None:
        raise ValueError(f"{rows.experiment}/{RESULTS} has no table of {' '.join(wanted)}")
    chosen = {rows.row, rows.than}
    judged = judge_lines([line for line in table.lines if line.label in chosen])
    verdict = judged.judgement.of(rows.row, rows.than) if judged.judgement else None
    if verdict is None or judged.judgement is None:
        raise ValueError(_lacking(chosen, {line.label for line in table.lines}, judged.reasons))
    if not judged.judgement.seeds_known:
        raise ValueError(f"one seed of {rows.row} and {rows.than} in {rows.experiment}/{RESULTS}")
    value = verdict.difference if verdict.one == rows.row else -verdict.difference
    reach = float(stdtrit(verdict.freedom, 1 - LEVEL)) * verdict.error
    return Quantity(value, value - reach, value + reach)


def _lacking(chosen: set[str], present: set[str], reasons: Mapping[str, str]) -> str:
    absent = sorted(chosen - present)
    return f"no result of {', '.join(absent)}" if absent else "; ".join(f"{row}: {why}" for row, why in reasons.items())


def _ratio(ratio: Ratio, folder: Path) -> Quantity:
    of, to = figure(ratio.of, folder), figure(ratio.to, folder)
    if to.low <= 0:
        raise ValueError(f"{ratio.to.file}: {ratio.to.key} is {to.value:g}, of which nothing is a multiple")
    return Quantity(of.value / to.value, of.low / to.high, of.high / to.low)


def figure(wanted: Figure, folder: Path) -> Quantity:
    """Read a number, with the range beside it if it is a median. Raises OSError, or ValueError, if it is not there."""
    node = json.loads(read_bytes(folder / wanted.file, RESULT_BYTES))
    if wanted.where:
        listed = node.get("models", []) if isinstance(node, dict) else []
        entries = [each for each in listed if all(each.get(key) == value for key, value in wanted.where.items())]
        if len(entries) != 1:
            raise ValueError(f"{wanted.file} has {len(entries)} entries of {wanted.where}")
        node = entries[0]
    *parents, last = wanted.key.split(".")
    for name in parents:
        node = node.get(name) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(node.get(last), int | float):
        raise ValueError(f"{wanted.file} has no number {wanted.key}")
    value = wanted.times * node[last]
    ends = [wanted.times * node[name] for name in RANGE] if last == "median" and set(RANGE) <= set(node) else [value]
    return Quantity(value, min(ends), max(ends))
