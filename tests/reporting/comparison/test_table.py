"""Averages over seeds, groups that are never mixed, rows that are missing."""

from typing import Any

import pytest

from fastfcn.reporting.comparison.published import Published
from fastfcn.reporting.comparison.runs import Run
from fastfcn.reporting.comparison.table import Group, build_tables
from tests.reporting.comparison.synthetic import run

NOTHING = Published()


def test_mean_and_sample_spread_over_seeds() -> None:
    runs = [run(seed=seed, miou=miou) for seed, miou in enumerate((0.50, 0.52, 0.57))]
    line = build_tables(runs[::-1], ["jpu"], NOTHING)[0].lines[0]
    assert [each.result.seed for each in line.runs] == [0, 1, 2]
    assert line.miou.mean == pytest.approx(0.53)
    assert line.miou.spread == pytest.approx(0.0360555)  # sqrt((9 + 1 + 16) / 2) / 100
    assert line.pixacc.mean == pytest.approx(0.83)


def test_one_seed_has_no_spread() -> None:
    assert build_tables([run()], ["jpu"], NOTHING)[0].lines[0].miou.spread is None


def test_class_iou_is_averaged_where_the_class_occurs() -> None:
    first = run(seed=0, iou={"sky": 0.2, "road": None, "tree": None})
    second = run(seed=1, iou={"sky": 0.4, "road": 0.7, "tree": None})
    line = build_tables([first, second], ["jpu"], NOTHING)[0].lines[0]
    assert line.iou == {"sky": pytest.approx(0.3), "road": 0.7, "tree": None}


def test_data_protocol_split_and_steps_are_never_mixed() -> None:
    runs = [run(), run(data="camvid"), run(protocol="ms"), run(split="test"), run(steps=9)]
    tables = build_tables(runs, ["jpu"], NOTHING)
    assert {table.group for table in tables} == {
        Group("shapes", "val", "ss", 100), Group("camvid", "val", "ss", 100), Group("shapes", "val", "ms", 100),
        Group("shapes", "test", "ss", 100), Group("shapes", "val", "ss", 9),
    }  # fmt: skip
    assert [len(line.runs) for table in tables for line in table.lines] == [1] * 5


def spent(row: str, steps: int, gflops: float, **changes: Any) -> Run:
    return run(row, steps=steps, training_gflops=gflops, **changes)


def test_rows_that_spent_as_much_are_a_table_beside_that_of_equal_steps() -> None:
    """As equal operations are given: jpu is in both tables, and the others' two runs are not one row."""
    equal_steps = [spent("jpu", 100, 1000.0), spent("none", 100, 400.0), spent("dilated", 100, 3000.0)]
    equal_cost = [spent("none", 250, 1000.0), spent("dilated", 33, 990.0)]
    tables = build_tables([*equal_steps, *equal_cost], ["none", "jpu", "dilated"], NOTHING)
    found = {table.group: {line.label: [each.result.steps for each in line.runs] for line in table.lines}
             for table in tables}  # fmt: skip
    assert found == {
        Group("shapes", "val", "ss", 100): {"none": [100], "jpu": [100], "dilated": [100]},
        Group("shapes", "val", "ss", None, "997 GFLOPs of training"): {"none": [250], "jpu": [100], "dilated": [33]},
    }
    assert str(tables[1].group) == "shapes val, protocol ss, 997 GFLOPs of training"


def test_what_differs_by_more_or_in_nothing_is_no_table_of_equal_cost() -> None:
    unequal = [spent("jpu", 100, 1000.0), spent("none", 250, 1021.0)]
    seeds = [spent("jpu", 100, 1000.0), spent("jpu", 100, 1000.0, seed=1)]
    elsewhere = [spent("jpu", 100, 1000.0), spent("none", 250, 1000.0, split="test")]
    unknown = [run("jpu", steps=100), run("none", steps=250)]
    for runs in (unequal, seeds, elsewhere, unknown):
        assert all(table.group.steps for table in build_tables(runs, ["none", "jpu"], NOTHING))


def test_equal_seconds_are_a_table_whatever_steps_they_paid_for() -> None:
    runs = [run("jpu", steps=90, budget_seconds=60.0), run("none", steps=200, budget_seconds=60.0),
            run("none", steps=200, budget_seconds=90.0)]  # fmt: skip
    tables = build_tables(runs, ["none", "jpu"], NOTHING)
    assert [(table.group.budget, len(table.lines)) for table in tables] == [
        ("60 s of passes", 2), ("90 s of passes", 1),
    ]  # fmt: skip


def test_another_backbone_is_another_line_not_another_seed() -> None:
    runs = [run(seed=0), run(seed=1), run(seed=0, backbone="mit_b0"), run("none", seed=0)]
    table = build_tables(runs, ["none", "jpu"], NOTHING)[0]
    assert [(line.label, len(line.runs)) for line in table.lines] == [
        ("none", 1), ("jpu (mit_b0)", 1), ("jpu (tu-resnet18)", 2),
    ]  # fmt: skip


def test_rows_keep_the_order_of_the_experiment_and_missing_ones_are_named() -> None:
    table = build_tables([run("zeta"), run("jpu"), run("none")], ["none", "fpn", "jpu"], NOTHING)[0]
    assert [line.label for line in table.lines] == ["none", "jpu", "zeta"]
    assert [missing.row for missing in table.missing] == ["fpn"]
