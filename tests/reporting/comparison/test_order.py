"""The measured order, the published one, and the Pareto front."""

import random

import pytest
import yaml

from fastfcn.reporting.comparison.order import agreements, measured_order, pareto_front
from fastfcn.reporting.comparison.published import Published
from fastfcn.reporting.comparison.sentences import findings
from fastfcn.reporting.comparison.table import Table, build_tables
from tests.reporting.comparison.synthetic import PUBLISHED, run

PUBLICATION = Published.model_validate(yaml.safe_load(PUBLISHED))


def table(**mious: tuple[float, ...]) -> Table:
    runs = [run(row, seed=seed, miou=miou) for row, values in mious.items() for seed, miou in enumerate(values)]
    return build_tables(runs, list(mious), PUBLICATION)[0]


def test_neighbours_whose_seeds_overlap_are_not_ranked() -> None:
    lines = table(none=(0.30, 0.32), jpu=(0.60, 0.66), dilated=(0.59, 0.61)).lines
    assert measured_order(lines) == "jpu 63.00 ≈ dilated 60.00 > none 31.00"


def test_seeds_that_meet_leave_the_order_open() -> None:
    assert measured_order(table(none=(0.30, 0.40), jpu=(0.40, 0.50)).lines) == "jpu 45.00 ≈ none 35.00"
    assert measured_order(table(none=(0.30, 0.39), jpu=(0.40, 0.50)).lines) == "jpu 45.00 > none 34.50"


@pytest.mark.parametrize(
    ("jpu", "dilated", "verdict"),
    [
        ((0.60, 0.61), (0.50, 0.51), "the measured order agrees."),
        ((0.50, 0.51), (0.60, 0.61), "the measured order agrees in 0 of 1 pairs, is the reverse in 1 (jpu > dilated)."),
        ((0.50, 0.61), (0.49, 0.60),
         "the measured order agrees in 0 of 1 pairs, is left open in 1 (jpu > dilated)."),
    ],
)  # fmt: skip
def test_agreement_with_the_published_order(jpu: tuple[float, ...], dilated: tuple[float, ...], verdict: str) -> None:
    agreement = agreements(table(none=(0.3, 0.31), jpu=jpu, dilated=dilated).lines, PUBLICATION)
    assert [str(each) for each in agreement] == [
        f"Published on pascal_context val, ss, tu-resnet50s: jpu 51.05 > dilated 49.91; {verdict}"
    ]


def test_published_orders_on_our_data_come_before_those_on_other_data() -> None:
    setting = PUBLICATION.settings[0]
    others = [setting.model_copy(update={"dataset": name, "protocol": "ms"}) for name in ("ade20k", "shapes", "ade20k")]
    for settings, chosen in (([setting, *others], ["shapes"]), ([*others[:1], setting, others[2]], ["ade20k"] * 2)):
        found = agreements(table(jpu=(0.6,), dilated=(0.5,)).lines, Published(settings=settings))
        assert [agreement.setting.dataset for agreement in found] == chosen


def test_findings_say_what_is_not_known() -> None:
    sentences = findings(table(none=(0.3,), jpu=(0.6,)), PUBLICATION)
    assert sentences == [
        "Measured order by mean mIoU, %: jpu 60.00 > none 30.00. "
        "Every row has one seed, so how far another seed would move it is not known.",
        "No published order: at most one of the measured rows has a published mIoU under any one protocol.",
    ]


def test_pareto_front_by_hand() -> None:
    points = [(10, 50), (20, 60), (20, 55), (30, 60), (40, 70), (5, 20), (40, 70)]
    assert [points[index] for index in pareto_front(points)] == [(5, 20), (10, 50), (20, 60), (40, 70), (40, 70)]


def test_the_front_beats_every_other_point() -> None:
    drawn = random.Random(0)
    for _ in range(50):
        points = [(drawn.randint(0, 9), drawn.randint(0, 9)) for _ in range(12)]
        front = pareto_front(points)
        scores = [points[index] for index in front]
        assert scores == sorted(scores)
        for index, (cost, score) in enumerate(points):
            beaten = any((c < cost and s >= score) or (c <= cost and s > score) for c, s in scores)
            assert beaten == (index not in front)
