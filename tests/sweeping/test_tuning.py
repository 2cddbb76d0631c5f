"""tune=N by its command, with trainings that only write what they would have scored, and the parts of a search."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from fastfcn.reporting.comparison.report import build_report
from fastfcn.sweeping import execution
from fastfcn.sweeping.process import Ending
from fastfcn.sweeping.status import Status, write_status
from fastfcn.training.finiteness import REMEDY
from tests.reporting.comparison.synthetic import content, write_experiment

optuna = pytest.importorskip("optuna")
pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")

from hydra.core.utils import JobReturn, JobStatus  # noqa: E402
from optuna.distributions import LogUniformDistribution  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from fastfcn.sweeping.tuning import Row, open_rows, require_same_search  # noqa: E402

BEST = {"none": 0.004, "jpu": 0.03}  # learning rates
SPACE = {"recipe.lr": LogUniformDistribution(0.001, 0.1)}


class Trainings:
    """Stands in for the processes of jobs: the nearer a row's rate to its best the better it does on val.

    On the test split it is the other way round. The training of index `stopped` is not ended but interrupted.
    """

    def __init__(self, stopped: int) -> None:
        self.stopped = stopped
        self.made: list[tuple[str, str, str, str]] = []

    def __call__(self, command: list[str], *, log: Path, **_options: object) -> Ending:
        given = dict(argument.split("=", 1) for argument in command[2:])
        row, seed, rate = given["row"], given["seed"], given["recipe.lr"]
        split = {"null": "val"}.get(given["score_split"], given["score_split"])
        self.made.append((row, seed, rate, split))
        if len(self.made) - 1 == self.stopped:
            raise KeyboardInterrupt
        ratio = float(rate) / BEST[row]
        score = 0.2 + 0.6 * min(ratio, 1 / ratio)
        result = content(row, seed=int(seed), miou=score if split == "val" else 1 - score, split=split)
        (log.parent / "config.yaml").write_text("")
        (log.parent / "result.json").write_text(json.dumps(result))
        return Ending(0)


def test_every_row_runs_at_the_best_of_its_trials(
    script, capfd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = Trainings(stopped=3)
    monkeypatch.setattr(execution, "run_to_its_end", trainings)
    monkeypatch.chdir(tmp_path)
    sweep = ("train", "-m", "experiment=upsampling", "row=none,jpu", "seed=0,1", "score_split=test")
    with pytest.raises(SystemExit):
        script(*sweep, "tune=3")
    script(*sweep, "tune=3")
    assert "row none: 3 of 3 trials are over, 3 have a score; the best: recipe.lr=" in capfd.readouterr().out
    assert trainings.made[3] == trainings.made[4], "the trial that was interrupted is made up"
    trials = [each for each in trainings.made[:3] + trainings.made[4:] if each[1] == "1000"]
    assert sorted((row, split) for row, _, _, split in trials) == [("jpu", "val")] * 3 + [("none", "val")] * 3
    chosen = {
        row: min((rate for each, _, rate, _ in trials if each == row), key=lambda rate: ratio(float(rate), best))
        for row, best in BEST.items()
    }
    runs = [(row, seed, chosen[row], "test") for row in ("none", "jpu") for seed in ("0", "1")]
    assert trainings.made[7:] == runs
    folder = tmp_path / "outputs/sweeps/tuned/upsampling/shapes"
    found = {str(path.parent.relative_to(folder)) for path in folder.rglob("result.json")}
    assert found == {f"trials/{row}/seed1000,recipe.lr={rate}" for row, _, rate, _ in trials} | {
        f"{row}/seed{seed}" for row, seed, _, _ in runs
    }

    script(*sweep, "tune=3")
    assert len(trainings.made) == 7 + len(runs), "all was done before"
    report = build_report(write_experiment(tmp_path / "table"), [folder])
    assert not report.left_out
    assert {line.label: [run.result.seed for run in line.runs] for line in report.tables[0].lines} == {
        "jpu": [0, 1], "none": [0, 1],
    }  # fmt: skip
    assert report.tuning[0] is not None
    shown = {row[0].text: (row[1].text, row[-1].text) for row in report.tuning[0].rows}
    assert shown == {row: ("3", f"recipe.lr={rate}") for row, rate in chosen.items()}


def ratio(one: float, other: float) -> float:
    return max(one / other, other / one)


def row_of(study: object) -> Row:
    """A row as a command opens it."""
    return Row("jpu", [["row=jpu", "seed=0", "score_split=test"]], SPACE, study)


def test_trials_that_are_open_come_first_and_then_new_ones() -> None:
    study = optuna.create_study(direction="maximize")
    row = row_of(study)
    assert [number for number, _ in row.next_trials(4, at_once=2)] == [0, 1]
    study.tell(0, 0.5)
    study.ask()  # and the command was killed before it said for what
    again = row_of(study)
    assert [number for number, _ in again.next_trials(4, at_once=2)] == [0, 1, 3]
    assert [number for number, _ in again.next_trials(4, at_once=2)] == [4]
    assert again.next_trials(4, at_once=2) == []


@pytest.mark.parametrize(
    ("status", "score", "state"),
    [
        (Status("done", "now"), 0.5, TrialState.COMPLETE),
        (Status("failed", "now", f"error: the loss is nan at step 3 (epoch 0); {REMEDY}"[:300]), None, TrialState.FAIL),
        (Status("done", "now"), None, TrialState.FAIL),
        (Status("failed", "now", "killed by SIGKILL"), None, TrialState.RUNNING),
        (Status("preempted", "now", "stopped"), None, TrialState.RUNNING),
    ],
)
def test_a_trial_that_failed_by_no_fault_of_its_options_stays_open(
    status: Status, score: float | None, state: TrialState, tmp_path: Path
) -> None:
    row = row_of(optuna.create_study(direction="maximize"))
    ((number, _),) = row.next_trials(1, at_once=1)
    write_status(tmp_path, status)
    row.record(number, JobReturn(working_dir=str(tmp_path), status=JobStatus.COMPLETED, _return_value=score))
    assert row.study.trials[number].state == state
    assert row.over == ({number} if state.is_finished() else set())


def test_a_folder_has_the_trials_of_one_search(tmp_path: Path) -> None:
    row = row_of(optuna.create_study(direction="maximize"))
    row.next_trials(3, at_once=3)
    require_same_search([row], tmp_path, trials=3)
    require_same_search([row], tmp_path, trials=8)
    with pytest.raises(ValueError, match="has 3 trials of row jpu, not 2; repeat the tune= that made"):
        require_same_search([row], tmp_path, trials=2)
    (tmp_path / "jpu" / "seed0").mkdir(parents=True)
    (tmp_path / "jpu" / "seed0" / "config.yaml").touch()
    require_same_search([row], tmp_path, trials=3)
    with pytest.raises(ValueError, match="has 3 trials of row jpu and runs after them, not 8; repeat"):
        require_same_search([row], tmp_path, trials=8)
    row.space = {"recipe.lr": LogUniformDistribution(0.001, 1.0)}
    with pytest.raises(ValueError, match=r"repeat the options of its search, or give another hydra.sweep.dir="):
        require_same_search([row], tmp_path, trials=3)


@pytest.mark.parametrize(
    ("overrides", "sampler", "message"),
    [
        (
            ["recipe.lr=0.1,0.2"],
            "RandomSampler",
            r"recipe.lr=0.1,0.2 is a list, and with tune= only row and seed may be",
        ),
        ([], "GridSampler", "tune= takes no hydra/sweeper/sampler=grid"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(overrides: list[str], sampler: str, message: str) -> None:
    launcher = SimpleNamespace(hydra_context=SimpleNamespace(config_loader=None))
    made = {"RandomSampler": optuna.samplers.RandomSampler()}.get(sampler, partial(optuna.samplers.GridSampler))
    with pytest.raises(ValueError, match=message):
        open_rows(launcher, overrides, sampler=made, storage="")


def test_what_is_searched_may_be_said(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(stopped=-1)
    monkeypatch.setattr(execution, "run_to_its_end", trainings)
    options = ("score_split=val", "recipe.lr=choice(0.002,0.01)", "hydra.sweeper.n_jobs=6")
    script(
        "train", "-m", "experiment=upsampling", "row=jpu", "seed=2", "tune=6", *options, f"hydra.sweep.dir={tmp_path}"
    )
    rates = {rate for _, seed, rate, _ in trainings.made if seed == "1000"}
    assert rates <= {"0.002", "0.01"}
    assert len(trainings.made) == len(rates) + 1, "what a small space gives twice is trained once"
    assert trainings.made[-1] == ("jpu", "2", max(rates), "val")
