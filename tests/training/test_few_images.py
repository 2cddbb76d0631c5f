"""Two processes and one validation image; an encoder of which DDP would wait for parameters that nothing reads."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.test_folder import write_dataset
from tests.sweeping.commands import ROOT, TWO_PROCESSES, sweep_environment

pytestmark = pytest.mark.slow  # processes of their own, 10 s each


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=sweep_environment(), capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("encoder", ["tu-test_resnet", "efficientnet-b0"])
def test_one_validation_image_and_two_processes(encoder: str, tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", images=4)
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        for name in "123":
            (root / folder / "val" / f"{name}.{suffix}").unlink()
    options = (
        "model=encnet_jpu", f"model.backbone.name={encoder}", "model.upsampling.width=64", "data=folder",
        f"data.root={root}", "augmentation.crop_size=64", "augmentation.base_size=64", "recipe.epochs=1",
        "recipe.workers=0", "trainer.enable_progress_bar=false", "logger=csv",
    )  # fmt: skip
    run("src/train.py", *options, *TWO_PROCESSES, f"hydra.run.dir={tmp_path}/run")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        (loss,) = [float(row["val/loss"]) for row in csv.DictReader(file) if row["val/loss"]]
    assert 0 < loss < 10
    checkpoint = f"checkpoint={tmp_path}/run/checkpoints/last.ckpt"
    for devices in (1, 2):
        cpu = (f"devices={devices}", "trainer.accelerator=cpu", "workers=0")
        run("src/evaluate.py", checkpoint, *cpu, f"hydra.run.dir={tmp_path}/{devices}")
    one, two = (json.loads((tmp_path / f"{devices}" / "result.json").read_text()) for devices in (1, 2))
    assert one["metrics"] == two["metrics"]
    assert one["iou"] == two["iou"]
