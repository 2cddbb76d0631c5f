"""Result files are found, checked, and left out with a reason."""

import json
from pathlib import Path

import pytest

from fastfcn.reporting.comparison.curves import read_metric
from fastfcn.reporting.comparison.runs import collect, read_result
from fastfcn.tracking.keys import BEST_METRIC, TRAIN_LOSS
from tests.reporting.comparison.synthetic import content, write_run


def test_only_results_of_the_experiment_are_collected(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "jpu", seed=0)
    write_run(tmp_path / "a", "jpu", seed=1)
    write_run(tmp_path / "b", "none", experiment="heads")
    (tmp_path / "a" / "other.json").write_text("{}")
    found = collect([tmp_path], "upsampling")
    assert [(run.result.row, run.result.seed) for run in found.runs] == [("jpu", 0), ("jpu", 1)]
    assert found.left_out == (f"{tmp_path}/b/none/seed0/result.json: a result of experiment=heads",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "damaged, Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ('{"metrics": {', "damaged, Invalid JSON: EOF while parsing"),
        ("[]", "damaged, Input should be an object"),
        (json.dumps({**content(), "row": None}), "not written by a job of an experiment"),
        (json.dumps({key: value for key, value in content().items() if key != "experiment"}), "not written by a job"),
        (json.dumps({key: value for key, value in content().items() if key not in ("seed", "steps")}),
         "damaged, it lacks seed, steps"),
        (json.dumps(content(seed="zero")), "damaged, seed: Input should be a valid integer"),
        (json.dumps({**content(), "protocol": "ms"}), "damaged, metrics hold no fraction val/miou_ms"),
        (json.dumps({**content(), "metrics": {"val/miou_ss": float("nan"), "val/pixacc_ss": 0.5}}),
         "damaged, metrics hold no fraction val/miou_ss"),
        (json.dumps({**content(), "metrics": {"val/miou_ss": 50.1, "val/pixacc_ss": 0.5}}),
         "damaged, metrics hold no fraction val/miou_ss"),
        (json.dumps({**content(), "iou": {"sky": 1.5}}), "damaged, iou.sky: Input should be less than or equal to 1"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_the_reason(text: str, reason: str, tmp_path: Path) -> None:
    good = write_run(tmp_path, "none")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "result.json").write_text(text)
    found = collect([tmp_path], "upsampling")
    assert [run.folder for run in found.runs] == [good]
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith(f"{tmp_path}/bad/result.json: {reason}")
    assert "\n" not in found.left_out[0]


def test_a_run_counts_once(tmp_path: Path) -> None:
    """A copy, and a root within another, add no seed; another run of the same row and seed is named and left out."""
    for root in ("first", "copy"):
        write_run(tmp_path / root, "jpu", seed=3)
    write_run(tmp_path / "second", "jpu", seed=3, miou=0.9)
    roots = [tmp_path / "first", tmp_path / "copy", tmp_path, tmp_path / "second"]
    found = collect(roots, "upsampling")
    assert [run.folder for run in found.runs] == [tmp_path / "first/jpu/seed3"]
    assert found.left_out == (
        f"{tmp_path}/second/jpu/seed3/result.json: another run of row jpu, seed 3 than {tmp_path}/first/jpu/seed3",
    )


def test_what_differs_in_data_protocol_steps_or_model_is_no_repetition(tmp_path: Path) -> None:
    changes = [{}, {"data": "camvid"}, {"protocol": "ms"}, {"steps": 7}, {"backbone": "mit_b0"}, {"split": "test"}]
    for index, change in enumerate(changes):
        write_run(tmp_path / str(index), **change)
    found = collect([tmp_path], "upsampling")
    assert len(found.runs) == len(changes)
    assert not found.left_out


def test_a_real_run_is_read(trained: Path, tmp_path: Path) -> None:
    """A training's own files, with what a job of an experiment adds to them."""
    result = json.loads((trained / "result.json").read_text())
    metrics = {"val/miou_full": result["metrics"]["val/miou"], "val/pixacc_full": result["metrics"]["val/pixacc"]}
    job = {"experiment": "upsampling", "row": "jpu", "steps": 24, "split": "val", "protocol": "full"}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**result, **job, "metrics": {**result["metrics"], **metrics}}))
    assert read_result(path, "upsampling").miou == result["metrics"]["val/miou"]
    scores = read_metric(trained / "metrics.csv", BEST_METRIC)
    assert list(scores) == [8, 16, 24]
    assert max(scores.values()) == pytest.approx(result["metrics"]["val/miou"], abs=1e-6)
    assert list(read_metric(trained / "metrics.csv", TRAIN_LOSS)) == list(range(1, 25))
