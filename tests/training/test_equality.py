"""However many processes share a batch, and whether or not the network is compiled, training does the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeping.commands import ROOT, sweep_environment
from tests.training.test_repeatability import RUN, column, losses

pytestmark = pytest.mark.slow  # eight trainings in processes of their own, two of them compiled

# without what differs between processes: dropout, statistics of their own batches, the share of labelled pixels
PROGRAM = """
import sys
sys.path.insert(0, {sources!r})
import torch
torch.nn.Dropout2d.forward = lambda _, images: images
torch.set_num_threads(1)
import train
train.main()
"""
EVENLY = (
    *RUN, "recipe.frozen_bn=true", "augmentation.scale=[1.0,2.0]", "data.train_images=19", "recipe.epochs=3",
    "trainer.accumulate_grad_batches=2", "recipe.workers=0", "trainer=ddp", "trainer.accelerator=cpu",
)  # fmt: skip
CASES = {  # a global batch of four images: 19 make four of them, and five are validated
    "two processes": ("devices=2", "recipe.batch_size=2"),
    "four processes": ("devices=4", "recipe.batch_size=1"),
    "views of buckets": ("devices=2", "recipe.batch_size=2", "trainer.strategy.gradient_as_bucket_view=true"),
    "compiled": ("devices=2", "recipe.batch_size=2", "recipe.compile=true"),
    "compiled and computed twice": (
        "devices=2", "recipe.batch_size=2", "recipe.compile=true", "recipe.checkpoint_backbone=true",
    ),
}  # fmt: skip


def run(folder: Path, *options: str) -> str:
    """Train in processes of their own; return what they print."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(sources=str(ROOT / "src")))
    done = subprocess.run(
        [sys.executable, str(program), *EVENLY, *options, f"hydra.run.dir={folder}/run"], cwd=ROOT, timeout=1200,
        env=sweep_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run(folder, "devices=1", "recipe.batch_size=4")
    return folder / "run"


@pytest.mark.parametrize("case", CASES)
def test_the_losses_are_those_of_one_process(case: str, alone: Path, tmp_path: Path) -> None:
    said = run(tmp_path, *CASES[case])
    assert "effective batch 8 = " in said
    ours, theirs = losses(tmp_path / "run"), losses(alone)
    print(case, max(abs(one - other) for one, other in zip(ours, theirs, strict=True)))
    assert len(theirs) >= 6
    assert ours == pytest.approx(theirs, abs=1e-4)
    for name in ("val/miou", "val/pixacc"):
        assert column(tmp_path / "run", name) == pytest.approx(column(alone, name), abs=2e-3)


def test_a_static_graph_changes_nothing(tmp_path: Path) -> None:
    usual, static = tmp_path / "usual", tmp_path / "static"
    for folder in (usual, static):
        folder.mkdir()
        option = f"trainer.strategy.static_graph={str(folder == static).lower()}"
        run(folder, "devices=2", "recipe.batch_size=2", "trainer.accumulate_grad_batches=1", option)
    assert losses(static / "run") == pytest.approx(losses(usual / "run"), abs=1e-6)
