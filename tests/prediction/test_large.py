"""Predictions of images by windows: those of the whole image, in bounded memory, where the image lies on Earth."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from fastfcn.data import bands
from fastfcn.data.bands import Bands
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.evaluation.windows import Source
from fastfcn.models.features import Prediction
from fastfcn.models.normalisation import Statistics
from fastfcn.prediction.raster import write_raster
from tests.data.tiffs import NO_DATA, PLACE, numbers

SIZE = (300, 260)
WINDOWS = ("protocol=windows", "protocol.crop_size=64")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """An image that lies somewhere on Earth."""
    path = tmp_path / "images/a.tif"
    path.parent.mkdir()
    pixels = np.kron(numbers(30, 26, 3, dtype="uint8"), np.ones((10, 10, 1), np.uint8))
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(64, 64), compression="zlib", extratags=[*PLACE, NO_DATA])
    return path


def predict(script, trained: Path, image: Path, output: Path, *options: str) -> np.ndarray:
    script(
        "predict", f"checkpoint={trained / 'checkpoints/best.ckpt'}", f"images={image}", f"output={output}", *options
    )
    return tifffile.imread(output / "masks/a.tif")


def test_windows_give_what_the_whole_image_gives(
    script, trained: Path, photograph: Path, decoded: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict(script, trained, photograph, tmp_path / "whole", *WINDOWS)
    monkeypatch.setattr(bands, "LARGE", 1000)
    monkeypatch.setattr("fastfcn.prediction.large.LONGEST", 150)
    monkeypatch.setattr("fastfcn.data.tiff.Tiff.whole", None)
    decoded.clear()
    streamed = predict(script, trained, photograph, tmp_path / "parts", *WINDOWS, "write=[masks,overlays,areas]")
    assert len(decoded) == len(set(decoded)) == 25  # each once
    assert len(np.unique(whole)) > 1
    np.testing.assert_array_equal(streamed, whole)
    assert Image.open(tmp_path / "parts/overlays/a.jpg").size == (130, 150)
    areas = (tmp_path / "parts/areas.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[2]) for row in areas] == np.bincount(whole.ravel(), minlength=len(areas)).tolist()


def test_a_mask_lies_where_its_image_lies(script, trained: Path, photograph: Path, tmp_path: Path, capsys) -> None:
    predict(script, trained, photograph, tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out/masks/a.tif") as file:
        tags = file.pages[0].tags
        for code, _, _, value, _ in PLACE:
            assert tags[code].value == value if isinstance(value, tuple) else tags[code].value.rstrip("\0") == value
        assert tags[42113].value.rstrip("\0") == "255"  # not the image's 0, which is a class here
    capsys.readouterr()
    predict(script, trained, photograph, tmp_path / "out")  # goes on
    assert "1 were there" in capsys.readouterr().out
    entry = json.loads((tmp_path / "out/predictions.jsonl").read_text().splitlines()[1])
    assert entry["raster"] is True


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "million pixels, too many at once: take protocol=windows"),
        ((*WINDOWS, "write=[entropy]"), "write=entropy is of"),
    ],
)
def test_what_needs_the_whole_image_is_told(
    script, trained: Path, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd, options, told: str
) -> None:
    for module in ("fastfcn.data.bands.LARGE", "fastfcn.prediction.large.MOST_PIXELS"):
        monkeypatch.setattr(module, 1000)
    with pytest.raises(SystemExit):
        predict(script, trained, photograph, tmp_path / "out", *options)
    assert told in capfd.readouterr().err
    assert not list((tmp_path / "out").glob("masks/*"))


class Sums(torch.nn.Module):
    """Scores that depend on the whole window."""

    align_corners = True
    statistics = Statistics((0.5,) * 3, (1.0,) * 3)

    def forward(self, images: torch.Tensor) -> Prediction:
        whole = images.mean((1, 2, 3), keepdim=True).expand(-1, 1, *images.shape[2:])
        return Prediction(torch.cat([images.sum(1, keepdim=True), whole], 1), None, None)


@pytest.mark.parametrize("size", [(40, 100), (100, 40), (30, 31), (64, 64), (130, 97)])
@pytest.mark.parametrize("flip", [False, True])
def test_strips_are_the_scores_of_the_whole(size: tuple[int, int], flip: bool) -> None:
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    protocol = SlidingWindow(
        name="w", base_size="own", crop_size=48, scales=(1.0,), flip=flip, fusion="exp_sum", batch=2
    )
    source = Source(
        size, image.device, lambda window: image[..., window.top : window.bottom, window.left : window.right]
    )
    with torch.no_grad():
        strips = torch.cat(list(protocol.strips(Sums(), source)), 1)  # type: ignore[arg-type]
        assert torch.equal(strips, protocol.scores(Sums(), image)[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (300, 515), (700, 20)])
def test_rows_of_any_height_become_tiles(tmp_path: Path, size: tuple[int, int]) -> None:
    labels = np.random.default_rng(0).integers(0, 5, size).astype(np.uint8)
    parts = np.array_split(labels, range(64, size[0], 64))
    write_raster(tmp_path / "a.tif", parts, size, ((0, 0, 0),) * 5, None)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)


def test_a_mask_is_whole_or_absent(tmp_path: Path) -> None:
    def torn():
        yield np.zeros((300, 40), np.uint8)
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        write_raster(tmp_path / "a.tif", torn(), (600, 40), ((0, 0, 0),), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # a minute: a network goes over 16 million pixels
def test_memory_is_that_of_a_row_of_windows(script, trained: Path, tmp_path: Path) -> None:
    import resource

    path = tmp_path / "a.tif"
    side = 4352
    tiles = (numbers(256, 256, 3, dtype="uint8", seed=seed) for seed in range((side // 256) ** 2))
    with tifffile.TiffWriter(path) as writer:
        writer.write(tiles, shape=(side, side, 3), dtype=np.uint8, tile=(256, 256), photometric="rgb")
    assert Bands().windowed(path) is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    predict(script, trained, path, tmp_path / "out", *WINDOWS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024  # KiB; whole it takes 1.6 GiB
