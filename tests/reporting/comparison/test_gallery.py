"""Pictures of a page."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from fastfcn.reporting.comparison.gallery import SIDE, build_gallery, data_uri, panel
from fastfcn.reporting.comparison.report import Report
from tests.reporting.comparison.synthetic import COLOURS


def decode(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_the_same_image_by_every_row(experiment: Path, report: Report) -> None:
    gallery = build_gallery(report.tables[0].lines)
    assert gallery is not None
    assert [[panel.title for panel in row] for row in gallery.rows] == [
        ["image", "truth", "none", "bilinear", "jpu"]
    ] * 2
    assert gallery.rows[1][3].source is None  # bilinear kept no second picture
    assert gallery.legend == (("sky", "#87ceeb"), ("road", "#808080"), ("tree", "#228b22"))
    saved = Image.open(experiment / "results" / "jpu" / "seed0" / "predictions" / "00003.png")
    shown = gallery.rows[0][4].source
    assert shown is not None
    np.testing.assert_array_equal(np.array(decode(shown)), np.array(saved))
    assert decode(shown).getpalette()[: len(COLOURS)] == list(COLOURS)


def test_a_large_label_map_is_shrunk_without_new_classes(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).choice(np.array([0, 7, 255], np.uint8), (500, 1000))
    picture = Image.fromarray(labels).convert("L")
    picture.putpalette(list(range(256)) * 3)
    picture.save(tmp_path / "large.png")
    shown = decode(data_uri(tmp_path / "large.png"))
    assert shown.size == (SIDE, SIDE // 2)
    assert set(np.unique(shown)) == {0, 7, 255}


def test_a_photograph_takes_little_room(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photograph.png")
    uri = data_uri(tmp_path / "photograph.png")
    assert uri.startswith("data:image/jpeg;base64,")
    assert len(uri) < 150_000


def test_a_damaged_picture_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    shown = panel("bad", tmp_path / "bad.png")
    assert shown.source is None
    assert shown.reason.startswith(f"{tmp_path}/bad.png is no sound picture")
