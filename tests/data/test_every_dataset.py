"""Every dataset under conf/ is opened and read; the published ones all the way from their archives, in test_public."""

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from fastfcn.composition import plain
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from fastfcn.data.opening import build_data
from fastfcn.entry import CONF
from tests.data.miniatures import MINIATURES

LAYOUTS = Path(__file__).parent / "layouts"  # of sets of files that are neither published nor a `folder`
OTHERS = sorted({path.stem for path in (CONF / "data").glob("*.yaml")} - set(MINIATURES))


def write_folders(root: Path, node: Mapping[str, Any]) -> np.ndarray:
    """Write an image a split in the layout of `folder`, with masks of every class; return what they must be read as."""
    values = node["values"] or list(range(len(node["classes"] or "abc")))
    mask = np.resize(np.arange(len(values) + 1), (24, 30))
    stored = np.array([*values, node["ignore_index"]])[mask].astype(np.uint8)
    for split in (node["train_split"], node["val_split"]):
        for kind, pixels in {"images": np.full((24, 30, 3), 7, np.uint8), "masks": stored}.items():
            (root / kind / split).mkdir(parents=True)
            Image.fromarray(pixels).save(root / kind / split / "0.png")
    if node["classes"] is None:
        (root / "classes.txt").write_text("road\nsky\ntree\n")
    return np.where(mask == len(values), IGNORE, mask)


def write_layout(name: str, root: Path, node: Mapping[str, Any]) -> np.ndarray:
    """Write an image a split where the dataset reads it; return the mask as it must be read."""
    if issubclass(get_class(node["_target_"]), Folder):
        return write_folders(root, node)
    file = LAYOUTS / f"{name}.py"
    if not file.exists():
        pytest.fail(f"data={name} has a layout of its own: write a miniature of it in {file}, see docs/extending.md")
    mask: np.ndarray = runpy.run_path(str(file))["write"](root)
    return mask


@pytest.mark.parametrize("name", OTHERS)
def test_a_dataset_is_opened_and_read(name: str, composed, tmp_path: Path) -> None:
    require_opened_and_read(name, composed(f"data={name}").data, tmp_path)


def require_opened_and_read(name: str, config: DictConfig, root: Path) -> None:
    expected = None
    if OmegaConf.is_missing(config, "root"):
        config.root = str(root)
        expected = write_layout(name, root, config)
    data = build_data(plain(config))
    assert len(data.palette) == len(data.classes) > 1
    for split in (data.train_split, data.val_split):
        example = data.split(split)[0]
        assert example.image.shape == (*example.mask.shape, 3)
        assert set(np.unique(example.mask)) <= {*range(len(data.classes)), IGNORE}
        if expected is not None:
            np.testing.assert_array_equal(example.mask, expected)
