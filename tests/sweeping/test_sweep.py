"""A sweep by its command, with programs of a line in the place of trainings: see test_training_sweeps for real ones."""

import fcntl
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fastfcn.sweeping import experiments, gpus, local
from fastfcn.sweeping.execution import is_busy
from fastfcn.sweeping.gpus import lease, visible_gpus
from fastfcn.sweeping.job import Job
from fastfcn.sweeping.local import LocalBackend
from fastfcn.sweeping.needs import Needs
from fastfcn.sweeping.plan import sweep_name
from fastfcn.sweeping.ray import RayBackend
from fastfcn.sweeping.status import Status, read_status
from tests.sweeping.test_execution import job_in

DONE = """
import json, os, sys
name, folder, overrides = sys.argv[1], sys.argv[2], sys.argv[3:]
print("ran", os.environ.get("CUDA_VISIBLE_DEVICES"))
open(folder + "/config.yaml", "w").write("recipe: {lr: 0.01}")
result = {"metrics": {"val/miou": 0.25, "val/miou_ss": 0.5}, "iou": {}, "model": {"backbone": "b", "output_stride": 8,
          "upsampling": "jpu", "head": "fcn"}, "data": "shapes", "seed": 0, "commit": None, "versions": {},
          "device": "cpu", "parameters": 1, "gflops": 1.0, "seconds": 1.0}
open(folder + "/result.json", "w").write(json.dumps(result))
"""
FAULTS = {
    "seed=1": "raise RuntimeError('it raised')",
    "seed=2": "import os; os.kill(os.getpid(), 9)",
    "seed=3": "import time; time.sleep(100)",
}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch):
    """Replace trainings; the returned dict maps an override to the program of the jobs that have it."""
    programs: dict[str, str] = {}

    def command(self: Job) -> list[str]:
        found = [program for override, program in programs.items() if override in self.overrides]
        return [sys.executable, "-c", (found or [DONE])[0], self.name, str(self.folder), *self.overrides]

    monkeypatch.setattr(Job, "command", command)
    return programs


def sweep_fails(script, capfd, *arguments: str, code: int = 1) -> str:
    """Run a sweep that must not succeed and return what it says."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit_info:
        script("train", "-m", *arguments)
    assert exit_info.value.code == code
    return "".join(capfd.readouterr())


def test_four_jobs_of_which_three_end_badly(stub, script, capfd, tmp_path: Path) -> None:
    stub.update(FAULTS)
    sweep = ("seed=0,1,2,3", "hydra.launcher.jobs=4", f"hydra.sweep.dir={tmp_path}/s")
    said = sweep_fails(script, capfd, *sweep, "hydra.launcher.timeout=0.05")
    for seed, reason in {1: "RuntimeError: it raised", 2: "killed by SIGKILL", 3: "killed at its timeout"}.items():
        log = tmp_path / "s" / f"seed={seed}" / "job.log"
        assert log.exists()
        assert any(
            line.startswith(f"failed: seed={seed}: {reason}") and line.endswith(f"; see {log}")
            for line in said.splitlines()
        )
    assert "done seed=0" in said
    assert "failed: seed=0" not in said
    assert "error: 3 jobs are not done (above); the same command repeats or resumes what is missing" in said

    stub.clear()
    before = (tmp_path / "s" / "seed=0" / "result.json").stat().st_mtime_ns
    script("train", "-m", *sweep)
    assert "done seed=0 mIoU 50.00 done before" in capfd.readouterr().out
    assert [(tmp_path / "s" / f"seed={seed}" / "job.log").read_text().count("ran") for seed in range(4)] == [1] * 4
    assert (tmp_path / "s" / "seed=0" / "result.json").stat().st_mtime_ns == before
    assert all((tmp_path / "s" / f"seed={seed}" / "result.json").exists() for seed in range(4))


def test_a_table_runs_all_its_rows_and_seeds(stub, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script("train", "-m", "experiment=upsampling", "hydra.launcher.jobs=4")
    found = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("result.json")}
    rows = ("none", "bilinear", "fpn", "jpu", "jpu_x", "dilated")
    assert found == {f"outputs/sweeps/upsampling/shapes/{row}/seed{seed}" for row in rows for seed in (0, 1)}


def test_a_table_can_be_run_in_part_and_by_other_options(
    stub, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script("train", "-m", "experiment=upsampling", "row=jpu,none", "seed=5", "recipe.batch_size=2,4")
    found = {str(path.parent.relative_to(tmp_path / "outputs/sweeps")) for path in tmp_path.rglob("result.json")}
    assert found == {
        f"upsampling/shapes/{row}/seed5,recipe.batch_size={size}" for row in ("jpu", "none") for size in (2, 4)
    }


def test_a_folder_made_with_other_options_is_refused(stub, script, fails, tmp_path: Path) -> None:
    sweep = ("-m", "seed=0,1", f"hydra.sweep.dir={tmp_path}/s")
    script("train", *sweep)
    line = fails("train", *sweep, "recipe.lr=0.5")
    assert f"{tmp_path}/s/seed=0 was made with recipe.lr=0.01, now it is 0.5; repeat the options of its sweep" in line
    script("train", *sweep, "recipe.workers=1", "recipe.cache=ram", "recipe.checkpoint_backbone=true")  # as resume=


@pytest.mark.parametrize("sweep", [("seed=0,0",), ("recipe.lr=0.5,5e-1",)])
def test_two_jobs_never_share_a_folder(sweep, stub, fails, tmp_path: Path) -> None:
    line = fails("train", "-m", *sweep, f"hydra.sweep.dir={tmp_path}/s")
    assert f"two jobs would share {tmp_path}/s/" in line
    assert not list(tmp_path.rglob("job.log"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("row=jpux",), "Available options in 'row': bilinear, dilated, fpn, jpu, jpu_x, none"),
        (("recipe.lrr=1",), "recipe.lrr is not a key of the configuration; close keys: recipe.lr"),
        (("data=camvid",), "data.root must be given"),
        (("devices=3", "trainer.accelerator=gpu"), "needs 3 GPUs (devices=3), 0 are here; lower devices="),
        (("num_nodes=2",), "needs num_nodes=2, this is one machine; use hydra/launcher=slurm"),
        (("hydra.launcher.jobs=0",), "hydra.launcher.jobs must be 1 or more, got 0"),
        (("hydra.launcher.timeout=0",), "hydra.launcher.timeout must be positive, got 0"),
        (("hydra.launcher.job=2",), "hydra.launcher.job"),
    ],
)
def test_a_sweep_that_cannot_be_served_starts_nothing(
    arguments: tuple[str, ...], message: str, stub, fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    assert message in fails(
        "train", "-m", "experiment=upsampling", "row=jpu", "seed=0", *arguments, f"hydra.sweep.dir={tmp_path}/s"
    )
    assert not list(tmp_path.rglob("job.log"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("model=fcn_jpu model.head.windows=[3]", "model.head.windows is not an option"),
        ("model=fcn_jpu model.upsampling.dilations=[0]", "model.upsampling.dilations.0 must be between"),
        ("speed=2", "speed is not an option"),
        ("recipe.lrr=2", "recipe.lrr is not an option; did you mean lr?"),
        ("model=fcn_jpu model.upsampling.dilations=[1,2] suggested.width=16 recipe.lr=0.1", None),
    ],
)
def test_what_a_row_sets_is_known_before_any_row_is_trained(
    row: str, message: str | None, stub, fails, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "FOLDER", tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sweep.yaml").write_text(f"protocol: full\nrows:\n  first: model=fcn_jpu\n  second: {row}\n")
    sweep = ("train", "-m", "experiment=own", f"hydra.sweep.dir={tmp_path}/s")
    if message is None:
        script(*sweep)
        return
    assert f"row=second of experiment=own: {message}" in fails(*sweep)
    assert not list(tmp_path.rglob("job.log"))


def test_ctrl_c_ends_all_jobs_and_lists_them(stub, script, capfd, tmp_path: Path) -> None:
    stub["seed=0"] = "import sys; open(sys.argv[2] + '/up', 'w').close(); import time; time.sleep(100)"

    def interrupt() -> None:
        while not (tmp_path / "s" / "seed=0" / "up").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    said = sweep_fails(script, capfd, "seed=0,1", f"hydra.sweep.dir={tmp_path}/s", code=130)
    thread.join()
    assert "preempted: seed=0: stopped;" in said
    assert "queued: seed=1: never started" in said


def test_a_job_of_another_sweep_is_waited_for_and_counts(
    stub, script, capfd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "s" / "seed=0"
    folder.mkdir(parents=True)
    lock = (folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    def end_the_other(asked: Path) -> bool:
        busy = is_busy(asked)
        if busy:
            (folder / "result.json").write_text("{}")
            lock.close()
        return busy

    monkeypatch.setattr(local, "is_busy", end_the_other)
    script("train", "-m", "seed=0,1", f"hydra.sweep.dir={tmp_path}/s")
    assert lock.closed
    assert {path.name for path in folder.iterdir()} == {".lock", "result.json"}
    assert (tmp_path / "s" / "seed=1" / "result.json").exists()
    assert "done by another sweep" in capfd.readouterr().out


def test_a_search_goes_on_where_it_stopped(stub, script, capfd, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper.optuna_sweeper")
    import optuna

    stub["seed=1"] = FAULTS["seed=1"]
    search = ("hydra/sweeper=search", "recipe.lr=tag(log,interval(0.001,0.1))", "hydra.sweeper.n_trials=2",
              "hydra.sweeper.n_jobs=2", f"hydra.sweep.dir={tmp_path}/s")  # fmt: skip
    script("train", "-m", *search, "seed=0")
    assert "2 jobs are not done" in sweep_fails(script, capfd, *search, "seed=1")
    trials = optuna.load_study(study_name="fastfcn", storage=f"sqlite:///{tmp_path}/s/study.db").trials
    assert [trial.value for trial in trials] == [0.5, 0.5, None, None]
    assert len({trial.params["recipe.lr"] for trial in trials}) == 4


def test_jobs_get_gpus_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path / "locks")
    monkeypatch.setattr("fastfcn.sweeping.local.visible_gpus", lambda: ["GPU-a", "GPU-b", "GPU-c"])
    monkeypatch.setattr(
        Job, "command", lambda self: [sys.executable, "-c", f"{DONE}import time; time.sleep(1)", "", str(self.folder)]
    )
    counts = {"x": 2, "y": 1, "z": 2}
    jobs = [job_in(tmp_path / name, needs=Needs(count, 1, gpus=None)) for name, count in counts.items()]
    backend = LocalBackend(jobs=3)
    backend.check(jobs)
    backend.start(jobs)
    finish(backend)
    held = {job.name: set(job.log.read_text().split()[1].split(",")) for job in jobs}
    spans = {job.name: read_status(job.folder) for job in jobs}
    assert [len(held[name]) for name in "xyz"] == [2, 1, 2]
    for one, other in (("x", "y"), ("x", "z"), ("y", "z")):
        together = spans[one].started < spans[other].ended and spans[other].started < spans[one].ended
        assert not (together and held[one] & held[other])


def finish(backend: LocalBackend) -> None:
    """Wait until no job is queued; one that waits for ever fails the test instead of holding it up."""
    deadline = time.monotonic() + 30
    try:
        while backend.wait(1):
            assert time.monotonic() < deadline, "a job waits for ever"
    finally:
        backend.stop()


@pytest.fixture
def four_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lend this machine four GPUs of the tests' own."""
    names = ["GPU-a", "GPU-b", "GPU-c", "GPU-d"]
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path / "locks")
    monkeypatch.setattr(local, "visible_gpus", lambda: names)
    monkeypatch.setattr(local, "LEASE_POLL_SECONDS", 0.05)
    return names


def run_all(backend: LocalBackend, folder: Path, sizes: list[int]) -> None:
    jobs = [job_in(folder / str(place), needs=Needs(size, 1, gpus=None)) for place, size in enumerate(sizes)]
    backend.check(jobs)
    backend.start(jobs)
    finish(backend)


@pytest.mark.parametrize("place", [0, 3, 7])
def test_one_job_of_all_gpus_and_seven_of_one_take_three_rounds(
    place: int, four_gpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = {4: threading.Barrier(4), 3: threading.Barrier(3)}
    singles = iter([4] * 4 + [3] * 3)
    running: list[str] = []
    order: list[int] = []

    def stand_in(job: Job, environment: dict[str, str], _should_stop) -> Status:
        held = environment["CUDA_VISIBLE_DEVICES"].split(",")
        assert not {*held} & {*running}
        running.extend(held)
        order.append(job.needs.processes)
        if job.needs.processes == 1:
            rounds[next(singles)].wait(10)  # breaks unless so many run at once
        for gpu in held:
            running.remove(gpu)
        return Status("done", job.launch)

    monkeypatch.setattr(local, "run_job", stand_in)
    run_all(LocalBackend(), tmp_path, [4 if place == index else 1 for index in range(8)])
    assert sorted(order) == [1] * 7 + [4]


def test_a_large_job_waits_for_another_sweep_while_small_ones_run(
    four_gpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ExitStack()
    other.enter_context(lease(1, four_gpus))
    order: list[int] = []

    def stand_in(job: Job, environment: dict[str, str], _should_stop) -> Status:
        order.append(job.needs.processes)
        if order == [2, 1, 1]:
            other.close()
        return Status("done", job.launch)

    monkeypatch.setattr(local, "run_job", stand_in)
    run_all(LocalBackend(jobs=1), tmp_path, [1, 4, 1, 2])
    assert order == [2, 1, 1, 4]


def test_a_gpu_is_shared_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path)
    with lease(1, ["a", "b"]) as first, lease(1, ["a", "b"]) as second, lease(1, ["a", "b"]) as third:
        assert (first, second, third) == (["a"], ["b"], None)
        with lease(2, ["a", "b"], share=2) as shared:
            assert shared == ["a", "b"]
    with lease(2, ["a"], share=2) as twice:  # one job's two processes need two GPUs, however many jobs share one
        assert twice is None
    with lease(3, ["a", "b"]) as many, lease(2, ["a", "b"]) as again:
        assert (many, again) == (None, None)
    with lease(2, ["a", "b"]) as free:
        assert free == ["a", "b"]


def test_gpus_are_those_that_this_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for visible, expected in {None: ["GPU-a", "GPU-b"], "1": ["GPU-b"], "GPU-a": ["GPU-a"], "": [], "-1": []}.items():
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert visible_gpus() == expected
    program.write_text("#!/bin/sh\necho '0, GPU-1a2b'\necho '1, GPU-1a3c'\necho '2, GPU-9d'\n")
    for visible, places in {
        "GPU-9": [2], "GPU-1a2b,GPU-1a3": [0, 1], "GPU-1a": [], "2,GPU-1a": [2], "1,1": [1], "2,GPU-9,0": [2, 0],
        "0,-1,1": [0], "0,7,1": [0], "0,,1": [0], " 1, 0": [1, 0], "void": [], "none": [], "NoDevFiles": [],
        "NoDevFiles,1": [],
    }.items():  # fmt: skip
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert visible_gpus() == [["GPU-1a2b", "GPU-1a3c", "GPU-9d"][place] for place in places], visible
    parts = {"MIG-5e": "MIG-5e", "MIG-GPU-1a2b/1/0": "MIG-GPU-1a2b/1/0", "MIG-GPU-9/7/0": "MIG-GPU-9d/7/0"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(parts))
    assert visible_gpus() == list(parts.values())
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path / "locks")
    with lease(3, visible_gpus()) as first, lease(1, visible_gpus()) as second:
        assert (first, second) == (list(parts.values()), None)
    program.write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("gpus", "devices", "reserved"),
    [(0.5, 1, 0.5), (0.5, 3, 3), (0.5, 2, 2), (None, 3, 3), (1.5, 1, 2), (2, 2, 4), (0, 2, 0)],
)
def test_ray_gives_no_two_processes_of_a_job_one_gpu(
    gpus: float | None, devices: int, reserved: float, tmp_path: Path
) -> None:
    backend = RayBackend(address=None, cpus=1, gpus=gpus, retries=0)
    job = job_in(tmp_path / "x", needs=Needs(devices, 1, gpus=None))
    assert backend._wants(job, [{"CPU": 8, "GPU": 4}]) == {"CPU": devices, "GPU": reserved}


def test_datasets_as_a_dimension_have_folders_of_their_own(
    stub, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = ("experiment=upsampling", "row=jpu", "seed=0", "data=shapes,folder", "data.root=/data")
    script("train", "-m", *sweep)
    script("train", "-m", *sweep, "hydra.sweep.dir=mine")
    found = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("result.json")}
    assert found == {
        "outputs/sweeps/upsampling/shapes/jpu/seed0", "outputs/sweeps/upsampling/folder/jpu/seed0",
        "mine/jpu/seed0,data=shapes", "mine/jpu/seed0,data=folder",
    }  # fmt: skip


def test_the_runs_of_a_sweep_without_a_table_have_its_name(
    stub, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub["seed=0"] = DONE + "print('group', os.environ.get('WANDB_RUN_GROUP'))"
    for own, group in ((None, "rates"), ("mine", "mine")):
        if own:
            monkeypatch.setenv("WANDB_RUN_GROUP", own)
        script("train", "-m", "seed=0", f"hydra.sweep.dir={tmp_path}/{group}/rates")
        assert f"group {group}" in (tmp_path / group / "rates" / "run" / "job.log").read_text()
    assert sweep_name(Path("outputs/sweeps/2026-01-31/12-30-59")) == "2026-01-31 12-30-59"
