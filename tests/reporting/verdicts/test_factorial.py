"""Effects of parts of the network, planted in tables whose truth is known."""

from collections.abc import Mapping

import numpy as np
import pytest

from fastfcn.reporting.comparison.table import Line
from fastfcn.reporting.verdicts.bootstrap import Resampling
from fastfcn.reporting.verdicts.factorial import Effects, Factorial, effects, factorial_of
from fastfcn.reporting.verdicts.judging import judge
from tests.reporting.comparison.synthetic import run
from tests.reporting.verdicts.synthetic import table

UPSAMPLINGS, HEADS, BACKBONES = ("none", "jpu", "fpn"), ("fcn", "psp"), ("small", "large")


def line(upsampling: str, head: str, backbone: str = "small", *, stride: int = 32) -> Line:
    """A row of these parts."""
    model = {"backbone": backbone, "output_stride": stride, "upsampling": upsampling, "head": head}
    name = f"{head}_{upsampling}_{backbone}_{stride}"
    return Line(name, name, (run(name, model=model),), None)


def lines() -> list[Line]:
    return [line(*parts) for head in HEADS for parts in ((up, head, each) for up in UPSAMPLINGS for each in BACKBONES)]


def judged(points: Mapping[tuple[str, str, str], float], *, images: int = 400, seed: int = 0) -> Effects:
    """Effects of rows that lose so many points by their parts."""
    chosen = lines()
    lost = {each.label: points[_parts(each)] for each in chosen}
    truth, runs = table(lost, seeds=5, images=images, rng=np.random.default_rng(seed), spread=0.1)
    resampling = Resampling(truth, draws=300)
    judgement = judge({row: resampling.sample(each) for row, each in runs.items()}, images=images)
    found = effects(factorial_of(chosen), judgement)
    assert found is not None
    return found


def _parts(row: Line) -> tuple[str, str, str]:
    model = row.runs[0].result.model
    return model.upsampling, model.head, model.backbone


def planted(*, jpu: float, psp: float, both: float) -> dict[tuple[str, str, str], float]:
    """Rows lose 10 points, less what parts give: `both` for JPU under PSP beyond the sum; the backbone gives 2."""
    found = {}
    for up in UPSAMPLINGS:
        for head in HEADS:
            for backbone in BACKBONES:
                gain = jpu * (up == "jpu") + psp * (head == "psp") + both * (up == "jpu" and head == "psp")
                found[up, head, backbone] = 10 - gain - 2 * (backbone == "large")
    return found


def test_planted_effects_are_found() -> None:
    """JPU gives 4 points, and 3 more under PSP: 5.5 over both; PSP 1, and 3 more with JPU: 2 over three modules."""
    found = judged(planted(jpu=4, psp=1, both=3))
    main = {each.one: each for each in found.main}
    assert {name: round(each.difference) for name, each in main.items()} in (
        {"upsampling jpu": 5, "upsampling fpn": 0, "head psp": 2, "backbone large": 2},
        {"upsampling jpu": 6, "upsampling fpn": 0, "head psp": 2, "backbone large": 2},
    )
    assert main["upsampling jpu"].other == "none, mean over head, backbone"
    assert main["upsampling jpu"].word == main["head psp"].word == main["backbone large"].word == "better"
    assert main["upsampling fpn"].word != "better"
    assert main["upsampling jpu"].low < 5.5 < main["upsampling jpu"].high
    between = {(each.one, each.other): each for each in found.interactions}
    depends = between["jpu over none, head psp", "the same, fcn"]
    assert depends.word == "better"
    assert depends.difference == pytest.approx(3, abs=0.7)
    others = [each for names, each in between.items() if names[0] != "jpu over none, head psp"]
    assert len(others) == 2 + 2 + 1 - 1  # upsampling by head, by backbone, head by backbone
    assert not any(each.word in ("better", "worse") for each in others)


def test_effects_are_means_and_differences_of_rows() -> None:
    """Without images' and seeds' noise in the way: by the rows' own scores."""
    chosen = [line(up, head) for up in ("none", "jpu") for head in HEADS]
    truth, runs = table({each.label: 1.0 * index for index, each in enumerate(chosen)}, seeds=2, images=30,
                        rng=np.random.default_rng(0))  # fmt: skip
    judgement = judge({row: Resampling(truth, draws=50).sample(each) for row, each in runs.items()}, images=30)
    score = {each.label: 100 * judgement.samples[each.label].miou.mean() for each in chosen}
    none_fcn, none_psp, jpu_fcn, jpu_psp = (score[each.label] for each in chosen)
    found = effects(factorial_of(chosen), judgement)
    by_name = {each.one: each.difference for each in found.main}
    assert by_name["upsampling jpu"] == pytest.approx((jpu_fcn + jpu_psp - none_fcn - none_psp) / 2)
    assert by_name["head psp"] == pytest.approx((none_psp + jpu_psp - none_fcn - jpu_fcn) / 2)
    assert found.interactions[0].difference == pytest.approx((jpu_psp - none_psp) - (jpu_fcn - none_fcn))


def test_of_equal_rows_few_tables_show_an_effect() -> None:
    alike = dict.fromkeys(planted(jpu=0, psp=0, both=0), 5.0)
    shown = 0
    for seed in range(20):
        found = judged(alike, images=60, seed=seed)
        shown += any(each.word in ("better", "worse") for each in found.main)
    assert shown <= 4  # at 5 %: five or more in 3 of 1,000 cases


def test_a_factorial_table_is_recognised() -> None:
    found = factorial_of(lines())
    assert found.factors == {"upsampling": UPSAMPLINGS, "head": HEADS, "backbone": BACKBONES}
    assert len(found.rows) == 12


def test_dilation_is_a_level_of_upsampling() -> None:
    rows = [line("none", head, stride=8) for head in HEADS] + [line("jpu", head) for head in HEADS]
    assert factorial_of(rows) == Factorial(
        {"upsampling": ("dilated", "jpu"), "head": HEADS},
        {("dilated", head): f"{head}_none_small_8" for head in HEADS}
        | {("jpu", head): f"{head}_jpu_small_32" for head in HEADS},
    )


@pytest.mark.parametrize(
    "rows", [lines()[:-1], lines()[:6], [*lines(), line("none", "fcn")], [line("none", "fcn")], lines()[:2]]
)
def test_other_tables_are_none(rows: list[Line]) -> None:
    """One row short, of one head but two backbones and... twice the same, a single row, a single factor."""
    if rows == lines()[:6]:
        assert set(factorial_of(rows).factors) == {"upsampling", "backbone"}
    else:
        assert factorial_of(rows) is None


def test_rows_without_images_leave_no_effects() -> None:
    chosen = [line(up, head) for up in ("none", "jpu") for head in HEADS]
    truth, runs = table({each.label: 1.0 for each in chosen[1:]}, seeds=2, images=30, rng=np.random.default_rng(0))
    judgement = judge({row: Resampling(truth, draws=50).sample(each) for row, each in runs.items()}, images=30)
    assert effects(factorial_of(chosen), judgement) is None
