"""Shared fixtures: tiny networks and runs, composed and called in this process."""

import atexit
import copy
import gc
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["WANDB_MODE"] = "offline"
if "PYTEST_XDIST_WORKER" not in os.environ:
    # one folder for what all processes of the tests leave, those that are killed included; pytest keeps its own place
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="fastfcn-tests-")
    atexit.register(lambda folder, owner: owner == os.getpid() and shutil.rmtree(folder, ignore_errors=True),
                    tempfile.tempdir, os.getpid())  # fmt: skip

import absl.logging
import pytest
import torch
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from fastfcn.data.tiff import Tiff
from fastfcn.entry import CONF
from tests.forking import Zygote
from tests.two_processes import Pair

# OpenVINO brings a handler that closes what was sys.stderr when it came, a file of pytest, where logging is set up anew
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

TINY_MODEL = ("model.backbone.name=tu-test_resnet", "suggested.width=64")
TINY_RUN = (
    *TINY_MODEL,
    "data.size=64",
    "data.train_images=16",
    "+data.val_images=5",
    "+data.test_images=3",
    "augmentation.crop_size=64",
    "augmentation.base_size=64",
    "recipe.batch_size=4",
    "recipe.epochs=2",
    "recipe.lr=0.01",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "logger=csv",
)
# rates at which it tells sky from pavement after three epochs: scores then differ by checkpoint, window and image
TRAINED_RUN = (*TINY_RUN, "model=encnet_jpu", "data.train_images=32", "recipe.epochs=3", "recipe.lr=0.1")


def pytest_collection_finish() -> None:
    """Leave what the libraries brought out of garbage collection, which takes a twentieth of the time else."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)  # tests run side by side


@pytest.fixture
def composed() -> Callable[..., DictConfig]:
    """Compose a root configuration from overrides."""

    def call(*overrides: str, config_name: str = "train") -> DictConfig:
        return copy.deepcopy(compose_once(config_name, overrides))

    return call


@cache
def compose_once(config_name: str, overrides: tuple[str, ...]) -> DictConfig:
    """Compose, which takes a tenth of a second; not to be changed."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(config_name, overrides=list(overrides))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the tiles that are decoded."""
    tiles: list[int] = []
    read = Tiff.read_segment

    def noted(self: Tiff, page: object, index: int) -> object:
        tiles.append(index)
        return read(self, page, index)

    monkeypatch.setattr(Tiff, "read_segment", noted)
    return tiles


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call an entry script's main in this process, as the command line would."""

    def call(name: str, *arguments: str) -> None:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", [f"src/{name}.py", *arguments])
        importlib.import_module(name).main()

    return call


@pytest.fixture
def fails(script: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call a script that must fail by a user's mistake, and return its one line."""

    def call(name: str, *arguments: str) -> str:
        with pytest.raises(SystemExit) as exit_info:
            script(name, *arguments)
        assert exit_info.value.code in (1, 2)
        output = capfd.readouterr().err
        lines = [line for line in output.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, "exactly one line tells what was wrong"
        assert "Traceback" not in output
        return lines[0]

    return call


@pytest.fixture(autouse=True, scope="session")
def _forked() -> Iterator[tuple[Zygote, Pair]]:
    zygote, both = Zygote(), Pair()  # while this process has not computed anything yet
    yield zygote, both
    zygote.close()
    both.close()


@pytest.fixture(scope="session")
def zygote(_forked: tuple[Zygote, Pair]) -> Zygote:
    """What forks processes that have computed nothing."""
    return _forked[0]


@pytest.fixture(scope="session")
def pair(_forked: tuple[Zygote, Pair]) -> Pair:
    """Two processes that call functions together."""
    return _forked[1]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one tiny run on `shapes` that predicts several classes; the processes of pytest share it."""
    base = tmp_path_factory.getbasetemp()
    run_dir = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    with FileLock(f"{run_dir}.lock"):
        if not (run_dir / "result.json").exists():
            shutil.rmtree(run_dir, ignore_errors=True)  # of a process in which it failed
            call_train(*TRAINED_RUN, f"hydra.run.dir={run_dir}")
    iou = json.loads((run_dir / "result.json").read_text())["iou"]
    assert sum(score is not None and score > 0.05 for score in iou.values()) >= 3, iou
    return run_dir


def call_train(*arguments: str) -> None:
    """Call train.py as `call` does."""
    call("train", *arguments)


def call(name: str, *arguments: str) -> None:
    """Call a script in this process, where a fixture of a wider scope than `script` needs a run."""
    GlobalHydra.instance().clear()
    before, sys.argv = sys.argv, [f"src/{name}.py", *arguments]
    try:
        importlib.import_module(name).main()
    finally:
        sys.argv = before
