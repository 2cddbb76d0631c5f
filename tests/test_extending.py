"""The additions of docs/extending.md, copied as they stand there, train and are evaluated together."""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import fastfcn.data
import fastfcn.models.heads
import fastfcn.models.upsampling
from fastfcn.checkpoints import load_network
from fastfcn.composition import plain
from fastfcn.data.opening import build_data
from fastfcn.entry import CONF
from fastfcn.sweeping import experiments
from tests.data import test_every_dataset

BLOCK = re.compile(
    r"^`((?:src|conf|tests|experiments)/[\w/.]+)`[^\n]*\n(?:[^\n`]+\n)*\n```\w+\n(.*?)^```$", re.M | re.S
)
ROOT = Path(__file__).parents[1]
PACKAGES = (fastfcn.data, fastfcn.models.heads, fastfcn.models.upsampling)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write every file of the page, where this process finds them as if they were the suite's."""
    blocks = dict(BLOCK.findall((ROOT / "docs/extending.md").read_text()))
    assert len(blocks) == 10
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


def test_a_set_of_files_is_opened_as_its_miniature_says(copied: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(test_every_dataset, "LAYOUTS", copied / "tests/data/layouts")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"hydra.searchpath=[file://{copied}/conf]", "data=listed"])
    test_every_dataset.require_opened_and_read("listed", config.data, tmp_path)
    config.data.remap = {"plant": "crop"}
    assert build_data(plain(config.data)).classes == ("soil", "crop")
    (tmp_path / "train.csv").write_text("picture,mask\na,b\n")
    with pytest.raises(ValueError, match=r"train.csv must have the columns image and mask"):
        build_data(plain(config.data)).split("train")


def test_every_option_of_the_page_has_a_meaning(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As test_docs demands it of what somebody has added."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    sources, files, options = (importlib.import_module(f"making.{name}") for name in ("sources", "files", "options"))
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, dirs_exist_ok=True)
    monkeypatch.setattr(sources, "SOURCE", tmp_path / "src")
    for module in (files, options):
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    try:
        for cached in (sources.read_module, options.pages):
            cached.cache_clear()
        added = [page for page in options.pages() if (tmp_path / "conf" / f"{page.file.name}.yaml").exists()]
        assert {"model/head/gated", "data/stripes", "data/listed"} <= {page.file.name for page in added}
        assert [f"{page.file.name}: {each.path}" for page in added for each in page.options if not each.meaning] == []
    finally:
        for cached in (sources.read_module, options.pages):
            cached.cache_clear()


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
