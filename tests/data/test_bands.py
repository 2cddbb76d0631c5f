"""Images of 1 to 16 channels, of 8 and 16 bits and of floats: what is read, measured, shown, refused."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from fastfcn.data.augmentation import Augmentation
from fastfcn.data.bands import Bands
from fastfcn.data.cache import read_example, write_example
from fastfcn.data.dataset import Example
from fastfcn.data.measuring import measure
from fastfcn.models.normalisation import IMAGENET, Statistics
from fastfcn.reporting.schema import read_result
from tests.data.tiffs import NO_DATA, numbers, write_many

WAYS = (
    {"planarconfig": "contig"},
    {"planarconfig": "separate"},
    {"planarconfig": "contig", "tile": (32, 16)},
    {"planarconfig": "separate", "rowsperstrip": 7, "compression": "zlib", "predictor": True},
    {"planarconfig": "contig", "byteorder": ">", "bigtiff": True},
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_tiff_of_five_channels_is_read_however_it_is_stored(tmp_path: Path, way, dtype: str) -> None:
    image = numbers(50, 37, 5, dtype=dtype)
    stored = np.moveaxis(image, -1, 0) if way["planarconfig"] == "separate" else image
    if dtype == "float32":
        way = {key: value for key, value in way.items() if key != "predictor"}  # that of floats needs imagecodecs
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", **way)
    bands = Bands.of(5, [0, 60000] if dtype == "uint16" else [0, 200], None)
    np.testing.assert_allclose(
        bands.read(tmp_path / "a.tif"), image / (60000 if dtype == "uint16" else 200), rtol=0, atol=1e-6
    )


def test_channels_may_be_pages_and_viewers_copies_are_passed_over(tmp_path: Path) -> None:
    image = numbers(4, 50, 37, dtype="uint8")
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in image:
            writer.write(page, photometric="minisblack", metadata=None)
        writer.write(image[0, ::2, ::2], subfiletype=1, metadata=None)
    np.testing.assert_array_equal(Bands.of(4, None, None).read(tmp_path / "a.tif"), np.moveaxis(image, 0, -1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pngs_of_16_bits_keep_them(tmp_path: Path, channels: int) -> None:
    image = numbers(9, 7, channels)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
    if channels == 2:
        Image.fromarray(numbers(9, 7, 2, dtype="uint8"), "LA").save(tmp_path / "a.png")
        assert Bands.of(2, None, None).read(tmp_path / "a.png").shape == (9, 7, 2)
        return
    cv2.imwrite(str(tmp_path / "a.png"), image[..., order[channels]])
    read = Bands.of(channels, [0, 65535], None).read(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(read * 65535), image)


def test_what_lies_beyond_a_range_ends_there_and_what_is_nothing_is_black(tmp_path: Path) -> None:
    values = np.array([[-5, 0, 5, 10, np.nan, 7]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(42113, 2, 0, "7", True)])
    read = Bands.of(1, [0, 10], None).read(tmp_path / "a.tif")
    np.testing.assert_allclose(read.ravel(), [0, 0, 0.5, 1, 0, 0])


def test_ranges_and_statistics_are_measured(tmp_path: Path) -> None:
    images = [numbers(6, 5, 3, dtype="uint16", seed=seed) for seed in (1, 2)]
    images[0][..., 2] = images[1][..., 2] = 7  # says nothing
    for index, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"{index}.tif", image, photometric="rgb")
    measured = measure([tmp_path / "0.tif", tmp_path / "1.tif"], Bands.of(3, "measured", None), upright=True)
    stack = np.stack(images).reshape(-1, 3)
    low, high = stack.min(0), np.maximum(stack.max(0), stack.min(0) + 1)
    assert measured.bands.ranges == tuple(zip(low.tolist(), high.tolist(), strict=True))
    shares = (stack - low) / (high - low)
    np.testing.assert_allclose(measured.mean, shares.mean(0), atol=1e-6)
    np.testing.assert_allclose(measured.std, [*shares.std(0)[:2], 1], atol=1e-6)


def test_nothing_is_measured_where_there_is_nothing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 50, 90]], np.uint16), extratags=[NO_DATA])
    assert measure([tmp_path / "a.tif"], Bands.of(1, "measured", None), upright=True).bands.ranges == ((50, 90),)


def test_three_channels_or_one_are_shown() -> None:
    image = np.linspace(0, 1, 2 * 2 * 5, dtype=np.float32).reshape(2, 2, 5)
    shown = Bands.of(5, [0, 1], [4, 0, 2]).visible(image)
    np.testing.assert_array_equal(shown, np.rint(image[..., [4, 0, 2]] * 255).astype(np.uint8))
    np.testing.assert_array_equal(Bands.of(2, [0, 1], None).visible(image[..., :2])[..., 1], shown[..., 1])


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_channel_is_cropped_turned_and_blurred_as_it_would_be_alone(channels: int, dtype) -> None:
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (60, 70, channels)).astype(np.uint8)
    image = image if dtype == np.uint8 else (image / 255).astype(np.float32)
    mask = draw.integers(0, 3, (60, 70)).astype(np.uint8)
    augmentation = Augmentation(crop_size=48, base_size=40, scale=(0.5, 2.0), flip=0.5, blur=1.0, rotate=20.0)
    for seed in range(6):
        sample = augmentation.train(Example(image, mask, ""), seed)
        assert sample.image.shape == (channels, 48, 48)
        for channel in range(channels):
            three = np.repeat(image[..., channel : channel + 1], 3, axis=2)
            alone = augmentation.train(Example(three, mask, ""), seed)
            torch.testing.assert_close(sample.image[channel], alone.image[0], rtol=0, atol=1e-6)
            assert torch.equal(sample.mask, alone.mask)


def test_floats_are_kept_in_a_cache(tmp_path: Path) -> None:
    example = Example(np.random.default_rng(0).random((4, 3, 5), np.float32), np.ones((4, 3), np.uint8), "a")
    write_example(tmp_path / "x", example)
    kept = read_example(tmp_path / "x")
    assert kept is not None
    np.testing.assert_array_equal(kept.image, example.image)
    np.testing.assert_array_equal(kept.mask, example.mask)


def test_floats_and_bytes_are_normalised_alike() -> None:
    images = torch.arange(2 * 3 * 4, dtype=torch.uint8).view(1, 3, 2, 4) * 10
    torch.testing.assert_close(IMAGENET.normalise(images / 255), IMAGENET.normalise(images))
    assert Statistics((0.5,), (0.25,)).normalise(torch.full((1, 1, 1, 1), 0.75)).item() == pytest.approx(1)


FAULTS = {
    "another number of channels": (("data.channels=4", "data.range=[0,9]"), "of 48x40 pixels, data.channels=4"),
    "numbers without a range": (("data.channels=5",), "holds uint16: give what 0 and 1 are to be by data.range="),
    "a range without channels": (("data.range=[0,9]",), "data.range= is of images that are read as they are stored"),
    "a range that falls": (("data.channels=5", "data.range=[9,0]"), "LOW below HIGH"),
    "too many ranges": (("data.channels=5", "data.range=[[0,1],[0,2]]"), "data.range has 2 pairs for data.channels=5"),
    "a channel to show that is none": (("data.channels=5", "data.range=measured", "data.shown=[5]"), "are 0 to 4"),
    "two channels to show": (("data.channels=5", "data.shown=[0,1]"), "a list of one or three channels"),
    "seventeen channels": (("data.channels=17",), "between 1 and 16"),
    "read as RGB": (("recipe.batch_size=2", "recipe.workers=0"), "for which a training is told data.channels=N"),
    "a transform for colours": (
        ("data.channels=5", "data.range=measured", "augmentation.extra=[ColorJitter]"),
        "ColorJitter fails on a crop of .* with 5 channels of float32",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_many(tmp_path_factory.mktemp("five"), 5, "uint16")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_told_before_training(fails, five: Path, tmp_path: Path, fault: str) -> None:
    options, told = FAULTS[fault]
    line = fails(
        "train", "data=folder", f"data.root={five}", "model.backbone.name=tu-test_resnet", "augmentation.crop_size=32",
        "augmentation.base_size=32", f"hydra.run.dir={tmp_path / 'run'}", "logger=csv", *options,
    )  # fmt: skip
    assert re.search(told, line), line


DAMAGED = {
    "cut short": lambda content: content[: len(content) // 2],
    "of an offset beyond the end": lambda content: content[:4] + b"\xff\xff\xff\x7f" + content[8:],
    "of no directory": lambda content: content[:8],
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_tiff_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(50, 40, 5), photometric="minisblack", planarconfig="contig", compression="zlib")
    path.write_bytes(DAMAGED[damage](path.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.tif cannot be read as a TIFF"):
        Bands.of(5, [0, 1], None).read(path)


def test_several_pictures_are_none(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for side in (20, 30):
            writer.write(numbers(side, side), metadata=None)
    with pytest.raises(ValueError, match="holds 2 pictures"):
        Bands.of(2, [0, 1], None).read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("channels", "dtype", "span", "logger"),
    [
        (5, "uint16", "measured", "csv"),
        pytest.param(1, "float32", "[-100,4000]", "offline", marks=pytest.mark.slow),  # three more seconds
    ],
)
def test_from_folder_to_predictions(tmp_path: Path, script, channels: int, dtype: str, span: str, logger: str) -> None:
    root, run = write_many(tmp_path / "data", channels, dtype), tmp_path / "run"
    script(
        "train", "model=fcn_jpu", "data=folder", f"data.root={root}", f"data.channels={channels}", f"data.range={span}",
        "model.backbone.name=tu-test_resnet", "model.upsampling.width=16", "augmentation.crop_size=32",
        "augmentation.base_size=32", "recipe.batch_size=2", "recipe.epochs=1", "recipe.workers=0", f"logger={logger}",
        "protocol=full", "trainer.enable_progress_bar=false", f"hydra.run.dir={run}",
    )  # fmt: skip
    assert Image.open(run / "images/0.jpg").size == (48, 40)
    checkpoint = run / "checkpoints/best.ckpt"
    call = (f"checkpoint={checkpoint}", "data=folder", f"data.root={root}", "workers=0")
    script("evaluate", *call, f"hydra.run.dir={tmp_path / 'scored'}")
    scores = [read_result(folder / "result.json").metrics["val/miou_full"] for folder in (run, tmp_path / "scored")]
    assert scores[0] == scores[1]  # the measured range is the checkpoint's
    script("predict", f"checkpoint={checkpoint}", f"images={root / 'images/val'}", f"output={tmp_path / 'out'}")
    assert Image.open(tmp_path / "out/masks/0.png").size == Image.open(tmp_path / "out/overlays/0.jpg").size == (48, 40)
