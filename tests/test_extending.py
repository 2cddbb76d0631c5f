"""The additions of docs/extending.md, copied as they stand there, train and are evaluated together."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import fastfcn.data
import fastfcn.models.heads
import fastfcn.models.upsampling
from fastfcn.checkpoints import load_network
from fastfcn.sweeping import experiments

BLOCK = re.compile(r"^`((?:src|conf|experiments)/[\w/.]+)`[^\n]*\n(?:[^\n`]+\n)*\n```\w+\n(.*?)^```$", re.M | re.S)
ROOT = Path(__file__).parents[1]
PACKAGES = (fastfcn.data, fastfcn.models.heads, fastfcn.models.upsampling)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write every file of the page, where this process finds them as if they were the suite's."""
    blocks = dict(BLOCK.findall((ROOT / "docs/extending.md").read_text()))
    assert len(blocks) == 7
    for path, text in blocks.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for package in PACKAGES:
        folder = tmp_path / "src" / package.__name__.replace(".", "/")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.setattr(experiments, "FOLDER", tmp_path / "experiments")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.rpartition(".")[0] in {package.__name__ for package in PACKAGES}:
            del sys.modules[name]


def test_four_additions_train_and_are_evaluated(copied: Path, script) -> None:
    script(
        "train", f"hydra.searchpath=[file://{copied}/conf]", "experiment=gates", "row=gated", "data=stripes",
        "data.images=6", "model/upsampling=nearest", "model.head.width=16", "model.backbone.name=tu-test_resnet",
        "recipe.batch_size=2", "recipe.epochs=1", "trainer.enable_progress_bar=false", "logger=csv",
        f"hydra.run.dir={copied}/run",
    )  # fmt: skip
    result = json.loads((copied / "run/result.json").read_text())
    assert result["protocol"].startswith("full")
    assert set(result["iou"]) == {"plain", "striped"}
    script("evaluate", f"checkpoint={copied}/run/checkpoints/best.ckpt", f"hydra.run.dir={copied}/evaluated")
    network = load_network(copied / "run/checkpoints/best.ckpt")
    assert type(network.head).__name__ == "GatedHead"
    assert network.head.reduce[0].out_channels == 16
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 33, 70)).logits.shape == (1, 2, 33, 70)
