"""Verdicts as sentences, and as a table with their intervals."""

from collections.abc import Sequence

from fastfcn.reporting.comparison.cells import BLANK, Cell, Grid, number, word
from fastfcn.reporting.verdicts.bootstrap import DRAWS
from fastfcn.reporting.verdicts.judging import BETTER, EQUIVALENT, UNDECIDED, Judgement, Verdict

ALL = 45  # pairs, of ten rows: of a larger table the best row's and those of neighbours are shown


def shown(judgement: Judgement) -> list[Verdict]:
    """Choose the pairs that a reader is shown."""
    if len(judgement.verdicts) <= ALL:
        return list(judgement.verdicts)
    order = list(dict.fromkeys(each.one for each in judgement.verdicts))
    best, place = order[0], {label: index for index, label in enumerate(order)}
    last = len(order)
    return [
        each for each in judgement.verdicts if each.one == best or place.get(each.other, last) == place[each.one] + 1
    ]


def sentences(judgement: Judgement) -> list[str]:
    """Say of every row, best first, how it stands to those below it, and what the table could have told."""
    pairs = shown(judgement)
    lines = [_sentence(row, [each for each in pairs if each.one == row], judgement) for row in _rows(pairs)]
    return [*lines, _power(judgement)] if lines else []


def _rows(pairs: Sequence[Verdict]) -> list[str]:
    return list(dict.fromkeys(each.one for each in pairs))


def _sentence(row: str, pairs: Sequence[Verdict], judgement: Judgement) -> str:
    phrases = {
        BETTER: "better than",
        EQUIVALENT: f"equivalent within {_points(judgement.margin)} to",
        UNDECIDED: "undecided against",
    }
    parts = []
    for kind, phrase in phrases.items():
        named = [f"{each.other} ({each.difference:+.2f})" for each in pairs if each.word == kind]
        parts += [f"{phrase} {', '.join(named)}"] if named else []
    return f"{row} ({100 * judgement.samples[row].miou.mean():.2f}) is {'; '.join(parts)}."


def published_sentence(verdict: Verdict) -> str:
    """Say how a row stands to its published number."""
    ends = f"{verdict.difference:+.2f}, {verdict.low:+.2f} to {verdict.high:+.2f}"
    phrase = {UNDECIDED: "undecided against", EQUIVALENT: "equivalent to"}.get(verdict.word, f"{verdict.word} than")
    return f"{verdict.one} is {phrase} its {verdict.other} ({ends} points), taken for one run that varies as ours."


def _power(judgement: Judgement) -> str:
    least, most = (choose(each.detectable for each in judgement.verdicts) for choose in (min, max))
    size = f"{least:.1f}" if f"{least:.1f}" == f"{most:.1f}" else f"{least:.1f} to {most:.1f}"
    text = f"Judged on {judgement.images} images; differences of {size} points are found in four of five such tables."
    if not judgement.seeds_known:
        text += " Every row has one seed, so nothing is said of other trainings: intervals are of these networks alone."
    return text


def _points(margin: float) -> str:
    return f"{margin:g} point" if margin == 1 else f"{margin:g} points"


def verdict_grid(verdicts: Sequence[Verdict]) -> Grid:
    """Lay out verdicts with their numbers, in points."""
    headings = ("row", "against", "difference", "95 % interval", "p", "verdict", "detectable", "would decide")
    numeric = (False, False, True, True, True, False, True, False)
    return Grid(headings, numeric, tuple(_cells(each) for each in verdicts))


def _cells(verdict: Verdict) -> tuple[Cell, ...]:
    return (
        word(verdict.one),
        word(verdict.other),
        number(verdict.difference, "+.2f"),
        Cell(f"{verdict.low:+.2f} to {verdict.high:+.2f}", verdict.low),
        Cell("< 0.001" if verdict.p < 0.001 else f"{verdict.p:.3f}", verdict.p),
        word(verdict.word),
        number(verdict.detectable, ".2f"),
        _needed(verdict) if verdict.word == UNDECIDED else BLANK,
    )


def _needed(verdict: Verdict) -> Cell:
    counts = {"seeds a row": verdict.seeds_needed, "images": verdict.images_needed}
    ways = [f"{count:,} {what}" for what, count in counts.items() if count is not None]
    return Cell(" or ".join(ways) if ways else "more of both seeds and images", verdict.seeds_needed)


def method(judgement: Judgement) -> list[str]:
    """Explain how verdicts were come by."""
    return [
        f"Verdicts: {DRAWS:,} draws of the {judgement.images} images, the same for every row, mIoU from the summed "
        "confusions of a draw; the spread of seeds, pooled over the rows, adds its part; t tests at 5 %, p corrected "
        "for the pairs (Holm), intervals each their own. Equivalent: two one-sided tests within the margin. "
        "Detectable: found with 80 % power. What would decide is estimated as if the difference were as measured."
    ]
