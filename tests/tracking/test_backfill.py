"""Rows that a kill took from W&B and left in metrics.csv."""

from pathlib import Path

import pytest

from fastfcn.tracking.backfill import lost_rows
from fastfcn.tracking.keys import RESUMED_AT, STEP
from fastfcn.tracking.offline import read_runs
from tests.tracking.crafted import history_record, run_record, write_fragment

TABLE = "epoch,loss,lr,step,val/miou\n,,0.5,0,\n0,2.5,,0,\n,,0.25,1,\n0,1.5,,1,\n0,,,1,0.125\n1,1.0,,2,\n"
ROWS = ({"lr": 0.5, STEP: 0}, {"loss": 2.5, "epoch": 0, STEP: 0}, {"lr": 0.25, STEP: 1})


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A run's folder: W&B has the first three of five rows of two steps."""
    (tmp_path / "metrics.csv").write_text(TABLE)
    write_fragment(tmp_path, [run_record(), *map(history_record, ROWS)])
    return tmp_path


def test_only_what_is_missing_is_logged_again(killed: Path) -> None:
    assert lost_rows(killed, "abc", 2) == [
        {STEP: 1, "epoch": 0, "loss": 1.5}, {STEP: 1, "epoch": 0, "val/miou": 0.125},
    ]  # fmt: skip
    assert lost_rows(killed, "abc", 1) == []
    assert len(lost_rows(killed, "other", 2)) == 5


def test_a_restart_that_logs_them_is_joined_without_loss(killed: Path) -> None:
    again = [*lost_rows(killed, "abc", 2), {"epoch": 1, "loss": 1.0, STEP: 2}]
    records = [run_record(config={RESUMED_AT: 2}), *map(history_record, again)]
    write_fragment(killed, records, time="20260102_120000")
    (run,) = read_runs([killed])
    assert [(row[STEP], row.get("loss")) for row in run.history] == [
        (0, None), (0, 2.5), (1, None), (1, 1.5), (1, None), (2, 1.0),
    ]  # fmt: skip
    assert lost_rows(killed, "abc", 3) == []


def test_what_cannot_be_read_costs_a_warning(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    (killed / "metrics.csv").write_bytes(b"\xff\xfe\n")
    assert lost_rows(killed, "abc", 2) == []
    assert "not logged again" in caplog.text
    (killed / "metrics.csv").unlink()
    assert lost_rows(killed, "abc", 2) == []
