"""Offline runs read back: what is damaged, unfinished or in fragments."""

from pathlib import Path

import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record

from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import OfflineRun, find_run_files, merge, read_runs
from fastfcn.tracking.records import BLOCK, read_records
from tests.tracking.crafted import framed


def write_run(folder: Path, *, name: str = "row-seed0", steps: range = range(3), **init: object) -> Path:
    """Log a run with wandb itself and return its file."""
    run = wandb.init(
        mode="offline", dir=folder, id="abc", name=name, project="tests", config={"model": {"head": "fcn"}}, **init
    )
    for step in steps:
        run.log({"loss": 10.0 - step, STEP: step, "nested": {"a": step}})
    run.summary["best/miou"] = 0.5
    run.finish()
    wandb.teardown()  # waits for the file
    return max(folder.rglob("run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")


def test_a_run_is_read_as_it_was_logged(tmp_path: Path) -> None:
    write_run(tmp_path, group="table", job_type="train", tags=["a", "b"])
    (run,) = read_runs([tmp_path])
    assert (run.id, run.name, run.project, run.group, run.job_type) == ("abc", "row-seed0", "tests", "table", "train")
    assert run.tags == ("a", "b")
    assert run.config["model"] == {"head": "fcn"}
    assert [(line[STEP], line["loss"], line["nested"]["a"], line["_step"]) for line in run.history] == [
        (0, 10.0, 0, 0), (1, 9.0, 1, 1), (2, 8.0, 2, 2),
    ]  # fmt: skip
    assert (run.summary["best/miou"], run.summary["loss"], run.exit_code) == (0.5, 8.0, 0)


@pytest.mark.parametrize("rest", [1, 5, 40])
def test_a_file_that_ends_in_a_record_is_read_up_to_it(tmp_path: Path, rest: int) -> None:
    path = write_run(tmp_path, steps=range(300))  # of several blocks
    content = path.read_bytes()
    assert len(content) > BLOCK
    whole = len(list(read_records(path)))
    path.write_bytes(content[:-rest])
    assert whole - 2 <= len(list(read_records(path))) < whole
    (run,) = read_runs([tmp_path])
    assert len(run.history) == 300
    path.write_bytes(content[: len(content) // 2])
    (run,) = read_runs([tmp_path])
    assert 100 < len(run.history) < 200
    assert run.exit_code is None  # it may be going on


def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    path = write_run(tmp_path, steps=range(50))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (run,) = read_runs([tmp_path])
    assert 0 < len(run.history) < 50


def test_records_over_several_blocks_are_joined(tmp_path: Path) -> None:
    record = Record(num=1)
    record.run.run_id = "x" * 3 * BLOCK
    path = tmp_path / "run-x.wandb"
    path.write_bytes(framed(record.SerializeToString()))
    assert [each.run.run_id for each in read_records(path)] == [record.run.run_id]


def test_what_is_no_run_is_refused_or_skipped(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        find_run_files([tmp_path / "nowhere"])
    (tmp_path / "run-new.wandb").touch()
    assert read_runs([tmp_path]) == []  # it has just begun
    (tmp_path / "run-other.wandb").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"run-other\.wandb is no file of W&B"):
        read_runs([tmp_path])


def test_a_root_named_twice_counts_once(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    assert len(find_run_files([tmp_path, tmp_path / "wandb", path])) == 1


def test_what_was_trained_again_after_a_kill_comes_from_the_restart() -> None:
    before = OfflineRun("a", history=[{STEP: step, "loss": 1.0} for step in range(6)], summary={"loss": 1.0, "old": 1})
    after = OfflineRun("a", history=[{"epoch": 0}, *({STEP: step, "loss": 2.0} for step in (4, 5, 6))], exit_code=0)
    after.summary = {"loss": 2.0}
    merged = merge(before, after)
    assert [(line.get(STEP), line.get("loss")) for line in merged.history] == [
        (0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (None, None), (4, 2.0), (5, 2.0), (6, 2.0),
    ]  # fmt: skip
    assert merged.summary == {"loss": 2.0, "old": 1}
    assert merged.exit_code == 0


def test_media_are_found_in_the_fragment_that_logged_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "files").mkdir(parents=True)
    (tmp_path / "one" / "files" / "a.png").touch()
    run = OfflineRun("a", folders=[tmp_path / "one", tmp_path / "two"])
    assert run.media_path("a.png") == tmp_path / "one" / "files" / "a.png"
    with pytest.raises(FileNotFoundError, match=r"b\.png of run a"):
        run.media_path("b.png")
