"""EXIF orientations: masks drawn on the image as it is seen, or as it is stored."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn.data.folder import Folder
from fastfcn.data.images import read_image, read_indices
from fastfcn.evaluation import submission
from tests.data.test_folder import write_dataset


def turn(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(path).save(path, exif=exif)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine")


def test_sizes_that_do_not_fit_name_the_orientation_and_the_option(root: Path) -> None:
    turn(root / "images/train/0.jpg", 6)
    with pytest.raises(
        ValueError, match=r"is 20x30, turned as its EXIF orientation 6 says; .* give data.upright=false"
    ):
        Folder(root=str(root)).split("train")[0]
    assert Folder(root=str(root), upright=False).split("train")[0].image.shape == (20, 30, 3)
    Image.fromarray(np.zeros((30, 20), np.uint8)).save(root / "masks/train/0.png")
    assert Folder(root=str(root)).split("train")[0].image.shape == (30, 20, 3)
    with pytest.raises(ValueError, match=r"not turned as its EXIF orientation 6 says; data.upright=true would turn it"):
        Folder(root=str(root), upright=False).split("train")[0]
    Image.fromarray(np.zeros((31, 20), np.uint8)).save(root / "masks/train/0.png")
    with pytest.raises(ValueError, match=r"is 20x31 but its image 0.jpg is 20x30$"):
        Folder(root=str(root)).split("train")[0]


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_orientations_that_sizes_do_not_tell_are_warned_of(root: Path, orientation: int, script, capsys) -> None:
    stored = read_image(root / "images/train/1.jpg")
    turn(root / "images/train/1.jpg", orientation)
    options = ("data=folder", f"data.root={root}", "verify=true", "workers=1")
    script("prepare_data", *options)
    output = capsys.readouterr().out
    assert f"warning: 1 images, the first {root}/images/train/1.jpg, have an EXIF orientation that does not" in output
    assert "are turned by it: if masks were drawn on the pixels as they are stored, they lie wrong" in output
    assert "data.upright=false mends it" in output
    script("prepare_data", *options, "data.upright=false")
    output = capsys.readouterr().out
    assert "are not turned by it: if masks were drawn on the upright images, they lie wrong" in output
    assert "data.upright=true mends it" in output
    as_stored = Folder(root=str(root), upright=False).split("train")[1].image.astype(int)
    upright = Folder(root=str(root)).split("train")[1].image.astype(int)
    assert np.abs(as_stored - stored).mean() < 40 < np.abs(upright - stored).mean(), "saved anew as JPEG"


def test_square_images_are_warned_of_as_well(root: Path, script, capsys) -> None:
    Image.new("RGB", (20, 20)).save(root / "images/val/0.jpg")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(root / "masks/val/0.png")
    turn(root / "images/val/0.jpg", 6)
    script("prepare_data", "data=folder", f"data.root={root}", "verify=true", "workers=1")
    assert "warning: 1 images, the first" in capsys.readouterr().out


def test_predictions_lie_as_the_network_was_trained_and_as_servers_score(
    tmp_path: Path, trained: Path, root: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 32)).save(photo)
    turn(photo, 6)
    last = trained / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    node = {"_target_": "fastfcn.data.folder.Folder", "root": str(root), "upright": False}
    content["hyper_parameters"]["data"] = node
    torch.save(content, tmp_path / "stored.ckpt")

    def shape(checkpoint: Path, *options: str) -> tuple[int, ...]:
        output = tmp_path / f"predicted{len(list(tmp_path.iterdir()))}"
        script("predict", f"checkpoint={checkpoint}", f"images={photo}", f"output={output}", "device=cpu", *options)
        with Image.open(output / "overlays/photo.jpg") as overlay:
            assert overlay.size[::-1] == read_indices(output / "masks/photo.png").shape
        if options:
            with zipfile.ZipFile(output / "submission.zip") as archive:
                assert archive.namelist() == ["photo.png"]
        return read_indices(output / "masks/photo.png").shape

    assert shape(last) == (64, 32)
    assert shape(tmp_path / "stored.ckpt") == (32, 64)
    monkeypatch.setattr(submission, "ADE20K_CLASSES", 12)
    assert shape(last, "submission=ade20k") == (32, 64)
