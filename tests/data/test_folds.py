"""Folds of a folder."""

from pathlib import Path

import pytest

from fastfcn.data.folder import Folder
from tests.data.test_folder import write_dataset


def names(data: Folder, split: str) -> set[tuple[str, str]]:
    return {(pair.image.parent.name, pair.image.name) for pair in data.pairs(split)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine", images=5)


def test_every_image_is_validated_once(root: Path, script, capsys) -> None:
    script("prepare_data", "data=folder", f"data.root={root}", "folds=5", "workers=1")
    assert "10 images in 5 folds of 2, 2, 2, 2, 2" in capsys.readouterr().out
    validated: list[tuple[str, str]] = []
    for fold in range(5):
        data = Folder(root=str(root), fold=fold)
        train, val = names(data, "train"), names(data, "val")
        assert not train & val
        assert len(train | val) == 10
        validated += val
        example = data.split("val")[0]
        assert example.mask.shape == example.image.shape[:2]
    assert len(set(validated)) == len(validated) == 10


def test_groups_are_in_one_fold(root: Path, script) -> None:
    script("prepare_data", "data=folder", f"data.root={root}", "folds=2", "workers=1", r"group=/(\d)")
    data = Folder(root=str(root), fold=0)
    assert not {name for _, name in names(data, "train")} & {name for _, name in names(data, "val")}


def test_what_is_missing_is_told(root: Path, script, fails) -> None:
    with pytest.raises(FileNotFoundError, match=r"data.fold=0 has no .*; there are no folds: .* folds=N makes some"):
        Folder(root=str(root), fold=0).split("train")
    script("prepare_data", "data=folder", f"data.root={root}", "folds=2", "workers=1")
    with pytest.raises(FileNotFoundError, match=r"data.fold=2 has no .*; there are folds 0 to 1"):
        Folder(root=str(root), fold=2).split("train")
    (root / "images/train/0.jpg").unlink()
    listed = "val" if "train/0.jpg" in (root / "folds/0/val.txt").read_text() else "train"
    with pytest.raises(FileNotFoundError, match=r"the fold lists 1 images that are not there, first train/0.jpg"):
        Folder(root=str(root), fold=0).split(listed)
    (root / "folds/0/val.txt").write_text("../../etc/passwd\n")
    with pytest.raises(ValueError, match="no plain file name"):
        Folder(root=str(root), fold=0).split("val")
    assert "folds must be between 2 and 100, got 1" in fails(
        "prepare_data", "data=folder", f"data.root={root}", "folds=1"
    )
    assert "folds=2 divides a folder of your own" in fails("prepare_data", "data=voc", f"data.root={root}", "folds=2")
