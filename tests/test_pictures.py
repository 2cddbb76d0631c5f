"""Legends with names of any script, and overlays in parts."""

import logging

import numpy as np
import pytest
from PIL import ImageFont

from fastfcn import fonts, pictures
from fastfcn.fonts import font_for, spelled
from fastfcn.pictures import colourise, legend, overlay

PALETTE = ((200, 0, 0), (0, 200, 0), (0, 0, 200))


def test_ascii_is_drawn_in_pillows_font() -> None:
    assert font_for("road", 14).getname() == ImageFont.load_default(14).getname()


@pytest.mark.parametrize("name", ["straße", "дорога", "δρόμος", "طريق", "e\u0301"])
def test_other_scripts_get_a_font_that_has_them(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert font_for(name, 14).getname() != ImageFont.load_default(14).getname()
    legend((name,), PALETTE[:1])
    assert not caplog.records


def test_names_that_no_font_has_are_spelled_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fonts, "_font_files", lambda: fonts._own_font())
    with caplog.at_level(logging.WARNING):
        ours = legend(("road", "道路", "\U0001f697 car"), PALETTE)
    (record,) = caplog.records
    assert "spells 2 class names (道路, \U0001f697 car) as code points" in record.getMessage()
    monkeypatch.undo()
    expected = legend(("road", "1: U+9053 U+8DEF", "2: U+1F697 car"), PALETTE)
    assert np.array_equal(np.array(ours), np.array(expected))


def test_code_points() -> None:
    assert spelled("道路 a") == "U+9053 U+8DEF a"


def test_long_names_are_cut() -> None:
    wide, narrow = (legend((name,), PALETTE[:1]).width for name in ("x" * 300, "x" * 37 + "..."))
    assert wide == narrow


def test_an_overlay_in_parts_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (70, 30, 3), dtype=np.uint8)
    labels = rng.integers(0, 3, (70, 30), dtype=np.uint8)
    monkeypatch.setattr(pictures, "ROWS", 32)
    expected = (0.4 * image + 0.6 * colourise(labels, PALETTE)).round().astype(np.uint8)
    assert np.array_equal(overlay(image, labels, PALETTE, opacity=0.6), expected)
