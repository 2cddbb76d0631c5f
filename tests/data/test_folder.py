"""`folder`: the user's own files, and what is said when they do not fit."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from fastfcn.entry import CONF


def write_dataset(root: Path, *, images: int = 2, classes: str = "road\nsky\ntree\n") -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for index in range(images):
            image = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(image).save(root / "images" / split / f"{index}.jpg")
            mask = rng.integers(0, 3, (20, 30), dtype=np.uint8)
            mask[0, 0] = IGNORE
            Image.fromarray(mask).save(root / "masks" / split / f"{index}.png")
    (root / "classes.txt").write_text(classes)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "mine")


def test_reads_images_and_masks(root: Path) -> None:
    data = Folder(root=str(root))
    assert data.classes == ("road", "sky", "tree")
    split = data.split("train")
    assert len(split) == 2
    example = split[0]
    assert example.image.shape == (20, 30, 3)
    assert example.mask.shape == (20, 30)
    assert example.mask[0, 0] == IGNORE
    np.testing.assert_array_equal(example.mask, np.array(Image.open(root / "masks" / "train" / "0.png")))


def test_own_ignore_index_and_classes_from_configuration(root: Path) -> None:
    data = Folder(root=str(root), classes=["road", "sky"], ignore_index=2)
    mask = np.array(Image.open(root / "masks" / "train" / "0.png"))
    np.testing.assert_array_equal(data.split("train")[0].mask, np.where(mask == 2, IGNORE, mask))


def test_palette_masks_are_indices(root: Path) -> None:
    path = root / "masks" / "train" / "0.png"
    indices = np.array(Image.open(path))
    picture = Image.fromarray(indices).convert("L")
    picture.putpalette([7] * 768)
    picture.save(path)
    np.testing.assert_array_equal(Folder(root=str(root)).split("train")[0].mask, indices)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "masks/train/1.png").unlink(), "no mask 1.png: expected .*masks/train/1.png"),
        (lambda root: [path.unlink() for path in (root / "images/train").iterdir()], "no images in .*images/train"),
        (lambda root: (root / "images/train").rename(root / "images/training"), "splits found: training, val"),
        (lambda root: (root / "classes.txt").unlink(), "no class names: write one a line into .*classes.txt"),
        (lambda root: (root / "classes.txt").write_text("road\n"), "needs 2 to 255 classes, got 1"),
    ],
)
def test_a_split_that_cannot_be_opened(root: Path, damage, message: str) -> None:
    damage(root)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Folder(root=str(root)).split("train")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((10, 30), np.uint8), "0.png is 30x10 but its image 0.jpg is 30x20"),
        (np.full((20, 30), 7, np.uint8), "0.png holds the value 7, but there are 3 classes"),
        (np.zeros((20, 30, 3), np.uint8), "0.png is RGB, not class indices"),
    ],
)
def test_a_mask_that_does_not_fit(root: Path, mask: np.ndarray, message: str) -> None:
    Image.fromarray(mask).save(root / "masks" / "train" / "0.png")
    with pytest.raises(ValueError, match=message):
        Folder(root=str(root)).split("train")[0]


def test_a_damaged_image(root: Path) -> None:
    path = root / "images" / "train" / "0.jpg"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"0.jpg cannot be read as an image"):
        Folder(root=str(root)).split("train")[0]


def test_missing_root() -> None:
    with pytest.raises(FileNotFoundError, match=r"data.root=/nowhere is no folder"):
        Folder(root="/nowhere")


def test_the_readme_section_followed_literally(tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, on 20 images; only the network and the number of epochs are made smaller."""
    readme = (CONF.parent / "README.md").read_text()
    section = readme.partition("### Your own data in 5 minutes")[2].partition("\n## ")[0]
    blocks = section.replace("\\\n", " ").split("```")
    commands = [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("python src/")]
    assert [Path(command[1]).stem for command in commands] == ["prepare_data", "train", "evaluate", "predict"]
    write_dataset(tmp_path / "PATH", images=10)
    monkeypatch.chdir(tmp_path)
    tiny = ("model.backbone.name=tu-test_resnet", "model.backbone.weights=null")
    smaller = (*tiny, "recipe.epochs=1", "recipe.workers=0", "logger=csv")
    for _, path, *arguments in commands:
        script(Path(path).stem, *arguments, *(smaller if path.endswith("train.py") else ()))
    assert len(list((tmp_path / "predictions" / "masks").iterdir())) == 10
