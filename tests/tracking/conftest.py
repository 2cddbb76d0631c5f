"""One tiny run of a table's row, logged offline and read back from its files."""

import importlib
import sys
from pathlib import Path

import pytest
import wandb
from hydra.core.global_hydra import GlobalHydra

from fastfcn.tracking.offline import OfflineRun, read_runs
from tests.conftest import TINY_RUN

LOGGED_RUN = (
    *TINY_RUN,
    "experiment=upsampling",
    "row=jpu",
    "seed=3",
    "logger=offline",
    "logger.images=3",
    "logger.images_every=2",
    "logger.checkpoint=true",
    "pictures=0",
    "recipe.epochs=4",
)


@pytest.fixture(scope="session")
def logged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run."""
    run_dir = tmp_path_factory.mktemp("logged") / "run"
    arguments = sys.argv
    sys.argv = ["src/train.py", *LOGGED_RUN, f"hydra.run.dir={run_dir}"]
    GlobalHydra.instance().clear()
    try:
        importlib.import_module("train").main()
    finally:
        sys.argv = arguments
    wandb.teardown()  # waits for the file
    return run_dir


@pytest.fixture(scope="session")
def logged(logged_folder: Path) -> OfflineRun:
    """The run, as its files tell."""
    (run,) = read_runs([logged_folder])
    return run


@pytest.fixture
def dashboard(capsys: pytest.CaptureFixture[str]):
    """Call dashboard.py and return what it printed."""

    def call(*words: str, fails: bool = False):
        capsys.readouterr()
        if fails:
            with pytest.raises(SystemExit) as ended:
                importlib.import_module("dashboard").main(words)
            assert ended.value.code == 1
        else:
            importlib.import_module("dashboard").main(words)
        return capsys.readouterr()

    return call
