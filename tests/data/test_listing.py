"""Which files of a folder are read, and that nothing is left out in silence."""

import logging
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.folder import Folder
from fastfcn.data.listing import Names, describe_left_out
from fastfcn.data.public import pairs_of
from fastfcn.evaluation.inputs import find_images
from fastfcn.training.config import read_config
from fastfcn.training.train import build_parts
from tests.data.test_folder import write_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine", images=4)


def test_a_jfif_is_a_jpeg(root: Path) -> None:
    before = Folder(root=str(root)).split("train")[2].image
    (root / "images/train/2.jpg").rename(root / "images/train/2.JFIF")
    split = Folder(root=str(root)).split("train")
    assert len(split) == 4
    np.testing.assert_array_equal(split[2].image, before)


def test_what_is_left_out_is_counted_and_named(root: Path, script, capsys) -> None:
    images = root / "images/train"
    (images / "3.jpg").rename(images / "3.heic")
    (images / "sub").mkdir()
    (images / "2.jpg").rename(images / "sub" / "2.jpg")
    (images / ".1.png").touch()
    os.mkfifo(images / "pipe.jpg")
    (images / "broken.png").symlink_to("nowhere.png")
    for name in (".DS_Store", "Thumbs.db", ".gitkeep"):
        (images / name).touch()
    told = describe_left_out(images)
    assert told is not None
    assert f"left out of {images}: 5 (" in told
    for part in (".heic, which is not read: 3.heic", "folders, which are not searched: sub", "hidden: .1.png"):
        assert part in told
    assert "no files: broken.png, pipe.jpg" in told
    assert describe_left_out(root / "images/val") is None
    script("prepare_data", "data=folder", f"data.root={root}", "workers=1", "verify=true")
    output = capsys.readouterr().out
    assert f"warning: {told}" in output
    assert f"warning: masks in {root}/masks/train without an image: 2.png, 3.png" in output
    assert output.count("warning") == 2


def test_what_is_left_out_is_told_before_training(root: Path, composed, caplog) -> None:
    (root / "images/val/3.jpg").rename(root / "images/val/3.avif")
    options = (
        "data=folder",
        f"data.root={root}",
        "model=fcn_jpu",
        "model.backbone.name=tu-test_resnet",
        "model.upsampling.width=64",
        "logger=csv",
        "recipe.batch_size=2",
    )
    with caplog.at_level(logging.WARNING):
        build_parts(read_config(composed(*options)), root)
    assert ".avif, which is not read: 3.avif" in caplog.text


def test_what_is_left_out_is_told_by_predict(root: Path, script, capsys, trained: Path, tmp_path: Path) -> None:
    (root / "images/val/3.jpg").rename(root / "images/val/3.heic")
    checkpoint = trained / "checkpoints/last.ckpt"
    script("predict", f"checkpoint={checkpoint}", f"images={root}/images/val", f"output={tmp_path}/predicted")
    output = capsys.readouterr().out
    assert f"warning: left out of {root}/images/val: 1 (.heic, which is not read: 3.heic)" in output
    assert "3 predictions in" in output


def test_predict_names_what_is_there_instead_of_images(root: Path) -> None:
    for path in (root / "images/val").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(FileNotFoundError, match=r"holds no images .*: 4 \(.heic, which is not read: 0.heic, 1.heic"):
        find_images(root / "images/val")
    for name in ("e\u0301.jpg", "\u00e9.png"):
        (root / "images/val" / name).touch()
    with pytest.raises(ValueError, match="would both become"):
        find_images(root / "images/val")


def test_a_folder_of_other_files_alone_says_which(root: Path) -> None:
    for path in (root / "images/train").iterdir():
        path.rename(path.with_suffix(".heif"))
    with pytest.raises(FileNotFoundError, match=r"no images in .*: 4 \(.heif, which is not read: 0.heif, 1.heif, 2.he"):
        Folder(root=str(root)).split("train")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_compared_in_one_unicode_form(root: Path, form) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    images, masks = root / "images/train", root / "masks/train"
    expected = Folder(root=str(root)).split("train")[0].mask
    (images / "0.jpg").rename(images / unicodedata.normalize(form, "é ü0.jpg"))
    (masks / "0.png").rename(masks / unicodedata.normalize(other, "é ü0.PNG"))
    split = Folder(root=str(root)).split("train")
    np.testing.assert_array_equal(split[3].mask, expected)
    assert Names(images).find(unicodedata.normalize(other, "é ü0.jpg")).is_file()


def test_a_public_list_finds_names_in_another_form_or_case(tmp_path: Path) -> None:
    for name in ("e\u03011.JPG", "2.jpg", "2.JPG", "3.png"):
        (tmp_path / name).touch()
    pairs = pairs_of(["\u00e91", "2", "3"], tmp_path, tmp_path)
    assert [pair.image.name for pair in pairs] == ["e\u03011.JPG", "2.jpg", "3.jpg"]
    assert pairs[2].mask == tmp_path / "3.png"


def test_two_images_or_masks_of_one_name_are_refused(root: Path) -> None:
    picture = Image.open(root / "images/train/1.jpg")
    picture.save(root / "images/train/1.png")
    with pytest.raises(ValueError, match=r"train/1.png and 1.jpg would have one mask; rename one"):
        Folder(root=str(root)).split("train")
    (root / "images/train/1.png").unlink()
    picture.convert("L").save(root / "masks/train/1.bmp")
    with pytest.raises(ValueError, match=r"train/1.png and 1.bmp would both be the mask of one image"):
        Folder(root=str(root)).split("train")
