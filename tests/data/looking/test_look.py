"""The page that shows a dataset."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.folder import Folder
from fastfcn.data.looking.findings import commonest, near_duplicates, statistics
from fastfcn.data.looking.measure import measure
from fastfcn.data.preparing.verify import check_of
from tests.data.test_folder import write_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine", images=3, classes="road\n<script>alert(1)</script>\ntree\n")


def seen(root: Path):
    data = Folder(root=str(root))
    return [measure((split, check_of(data, pair))) for split in ("train", "val") for pair in data.pairs(split)]


def test_the_page_shows_what_there_is(root: Path, script, capsys) -> None:
    shutil.copy(root / "images/train/0.jpg", root / "images/val/same.jpg")
    shutil.copy(root / "masks/train/0.png", root / "masks/val/same.png")
    (root / "images/train/2.jpg").write_bytes(b"x")
    script("prepare_data", "data=folder", f"data.root={root}", "look=true", "workers=1")
    assert f"{root / 'look.html'} shows the data" in capsys.readouterr().out
    text = (root / "look.html").read_text()
    assert "2 train, 4 val images with masks, 3 classes" in text
    assert "1 faults" in text
    assert "images/train/2.jpg cannot be read as an image" in text
    assert "train/0.jpg and val/same.jpg: 0 of 256 bits differ" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "30 x 20: 6" in text
    assert re.search(r"loss.class_weights=\[[\d.]+, [\d.]+, [\d.]+\]", text)
    assert text.count("data:image/jpeg;base64,") >= 6
    assert not re.search(r"""(src|href)=["']?(http|//)""", text), "nothing is fetched"


def test_statistics_are_those_of_all_pixels(root: Path) -> None:
    images = np.concatenate([np.array(Image.open(path)).reshape(-1, 3) for path in root.glob("images/*/*")]) / 255
    mean, deviation = statistics(seen(root))
    np.testing.assert_allclose(mean, images.mean(0), atol=1e-4)
    np.testing.assert_allclose(deviation, images.std(0), atol=1e-4)


def test_near_duplicates_are_found_between_splits_alone(root: Path) -> None:
    picture = Image.open(root / "images/train/0.jpg").resize((300, 200), Image.Resampling.BICUBIC)
    picture.point(lambda value: value * 0.8 + 10).resize((60, 40)).save(root / "images/val/like.png")
    Image.open(root / "masks/train/0.png").resize((60, 40), 0).save(root / "masks/val/like.png")
    shutil.copy(root / "images/train/1.jpg", root / "images/train/again.jpg")
    shutil.copy(root / "masks/train/1.png", root / "masks/train/again.png")
    found = [(one.name, other.name) for one, other, _ in near_duplicates(seen(root))]
    assert found == [("train/0.jpg", "val/like.png")]


def test_rare_values_are_counted_together() -> None:
    assert commonest([1, 1, 2, 3, 4], shown=1) == [("1", 2), ("3 others", 3)]


def test_what_has_no_files_is_not_shown(root: Path, fails) -> None:
    assert "is generated: there are no files" in fails("prepare_data", "data=shapes", "look=true")
    for path in root.glob("images/*/*"):
        path.write_bytes(b"")
    message = "has no image with a mask that can be read"
    assert message in fails("prepare_data", "data=folder", f"data.root={root}", "look=true", "workers=1")
