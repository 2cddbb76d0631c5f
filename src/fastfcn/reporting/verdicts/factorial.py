"""Factorial tables: what a part of the network adds, over the others (main effects), and where it adds more or less.

An effect is a sum of rows' mIoU with a weight each, so its bootstrap and its seeds are those of its rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from fastfcn.reporting.comparison.table import Line
from fastfcn.reporting.verdicts.judging import Judgement, Verdict, in_points, verdicts_on
from fastfcn.reporting.verdicts.significance import pooled_variance

FACTORS = ("upsampling", "head", "backbone")
DILATED = "dilated"  # no upsampling module, but a backbone of stride 8

Levels = tuple[str, ...]


@dataclass(frozen=True)
class Factorial:
    """A table of every combination: the levels of each factor, the first to compare with, and the rows by levels."""

    factors: Mapping[str, Levels]
    rows: Mapping[Levels, str]


@dataclass(frozen=True)
class Effects:
    """Verdicts on main effects, and on interactions of two factors; p is corrected within each."""

    main: tuple[Verdict, ...]
    interactions: tuple[Verdict, ...]


def factorial_of(lines: Sequence[Line]) -> Factorial | None:
    """Recognise a table whose rows are every combination of two or three parts of the network, each once."""
    found = [_levels(line) for line in lines]
    varied = [name for name in FACTORS if len({each[name] for each in found}) > 1]
    rows = {tuple(each[name] for name in varied): line.label for each, line in zip(found, lines, strict=True)}
    factors = {name: tuple(dict.fromkeys(each[name] for each in found)) for name in varied}
    whole = set(product(*factors.values()))
    if len(varied) < 2 or len(rows) < len(lines) or set(rows) != whole:
        return None
    return Factorial(factors, rows)


def _levels(line: Line) -> dict[str, str]:
    model = line.runs[0].result.model
    dilated = model.upsampling == "none" and model.output_stride < 32
    return {"upsampling": DILATED if dilated else model.upsampling, "head": model.head, "backbone": model.backbone}


def effects(factorial: Factorial, judgement: Judgement) -> Effects | None:
    """Judge main effects and interactions; None if a row has no images."""
    if not set(factorial.rows.values()) <= set(judgement.samples):
        return None
    return Effects(
        tuple(_judge(list(_main(factorial)), factorial, judgement)),
        tuple(_judge(list(_interactions(factorial)), factorial, judgement)),
    )


Contrast = tuple[tuple[str, str], dict[Levels, float]]  # what is compared with what; weights of rows


def _main(factorial: Factorial) -> Iterator[Contrast]:
    """Yield each level against the first: the difference of their means over all else."""
    for place, (factor, levels) in enumerate(factorial.factors.items()):
        share = len(levels) / len(factorial.rows)
        others = ", ".join(name for name in factorial.factors if name != factor)
        for level in levels[1:]:
            signs = {level: share, levels[0]: -share}
            weights = {row: signs[row[place]] for row in factorial.rows if row[place] in signs}
            yield (f"{factor} {level}", f"{levels[0]}, mean over {others}"), weights


def _interactions(factorial: Factorial) -> Iterator[Contrast]:
    """Yield, of two factors, how much more a level adds to the first under a level of the other than under its first.

    A third factor is averaged over.
    """
    for (one, own), (two, other) in combinations(enumerate(factorial.factors.items()), 2):
        share = len(own[1]) * len(other[1]) / len(factorial.rows)
        for level, under in product(own[1][1:], other[1][1:]):
            first = {level: 1, own[1][0]: -1}
            second = {under: 1, other[1][0]: -1}
            weights = {
                row: share * first[row[one]] * second[row[two]]
                for row in factorial.rows
                if row[one] in first and row[two] in second
            }
            yield (f"{level} over {own[1][0]}, {other[0]} {under}", f"the same, {other[1][0]}"), weights


def _judge(contrasts: Sequence[Contrast], factorial: Factorial, judgement: Judgement) -> list[Verdict]:
    spread, freedom = pooled_variance([sample.miou for sample in judgement.samples.values()])
    samples = {levels: judgement.samples[row] for levels, row in factorial.rows.items()}
    values, drawn, seeds = [], [], []
    for _, weights in contrasts:
        values.append(sum(weight * samples[row].miou.mean() for row, weight in weights.items()))
        draws = np.sum([weight * samples[row].draws for row, weight in weights.items()], axis=0)
        drawn.append(draws.var(ddof=1))
        seeds.append(spread * sum(weight**2 / len(samples[row].miou) for row, weight in weights.items()))
    differences = in_points(np.array(values), np.array(drawn), np.array(seeds), judgement.images, freedom)
    return verdicts_on(differences, [names for names, _ in contrasts], margin=judgement.margin)
