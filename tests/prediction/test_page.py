"""The page to try networks on, in a real browser: Debian's chromium, driven by Playwright (`make test-browser`)."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.composition import plain, typed
from fastfcn.prediction.demo import DemoConfig, opened

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SECONDS = 60_000  # ms

pytestmark = [
    pytest.mark.slow,  # Gradio, which is an extra, and a browser
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium, or set CHROMIUM"),
]


@pytest.fixture
def page(trained: Path, tmp_path: Path, composed) -> Iterator:
    """The page with two checkpoints and three images to begin with; it may ask for nothing beyond this machine."""
    pytest.importorskip("gradio", reason="the extra demo is not installed")
    from playwright.sync_api import sync_playwright

    (tmp_path / "images").mkdir()
    generator = np.random.default_rng(0)
    for name in "abc":
        pixels = generator.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    checkpoints = [
        f"checkpoint{number}={trained}/checkpoints/{name}.ckpt" for number, name in (("", "best"), (2, "last"))
    ]
    config = composed(*checkpoints, f"examples={tmp_path}/images", "port=null", config_name="demo")
    asked: list[str] = []
    faults: list[str] = []
    with opened(typed(DemoConfig, plain(config))) as served, sync_playwright() as playwright:
        address = served.local_url
        assert address.startswith("http://127.0.0.1:")
        assert served.share_url is None
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(SECONDS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        yield page
        browser.close()
    assert not faults
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def pictures(page) -> dict[str, str]:
    """The addresses of the pictures that are shown, by the labels of their frames."""
    frames = page.locator(".block").filter(has=page.locator("img")).all()
    return {frame.inner_text().split("\n")[0]: frame.locator("img").first.get_attribute("src") for frame in frames}


def test_an_image_is_dropped_and_shown_by_both(page, tmp_path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(tmp_path / "images" / "a.png")
    page.locator("table").nth(1).wait_for()
    tables = page.locator("table:has(th:text-is('confidence'))")
    assert tables.count() == 2
    for table in tables.all():
        shares = [float(text) for text in re.findall(r"([0-9.]+) %", table.inner_text())]
        assert sum(shares) == pytest.approx(100, abs=1)
    before = pictures(page)
    assert len([label for label in before if "classes: " in label]) == 2
    assert len([label for label in before if "confidence" in label]) >= 1
    page.locator("input[type=range]").first.fill("0.1")
    page.wait_for_function(
        "address => ![...document.images].some(each => each.src === address)",
        arg=next(address for label, address in before.items() if "classes: " in label),
    )
    page.wait_for_timeout(500)
    after = pictures(page)
    assert all(after[label] != address for label, address in before.items() if "classes: " in label)
    assert all(after[label] == address for label, address in before.items() if "confidence" in label)


def test_an_example_is_taken(page) -> None:
    page.locator(".gallery img, .gallery-item, button:has(img)").first.click()
    page.locator("table:has(th:text-is('confidence'))").first.wait_for()
