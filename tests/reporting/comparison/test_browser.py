"""The page in a real browser: Debian's package chromium, driven by Playwright (`make test-browser`)."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from fastfcn.reporting.comparison.gallery import build_gallery
from fastfcn.reporting.comparison.report import Report

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium, or set CHROMIUM to a browser like it"
    ),
]


@pytest.fixture(scope="module")
def opened(experiment: Path) -> Iterator[Page]:
    """The page, opened from its file; at the end, that it was silent and asked for nothing."""
    messages: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        address = (experiment / "report" / "index.html").as_uri()
        page.goto(address)
        yield page
        browser.close()
    assert messages == []
    assert {url for url in requests if not url.startswith("data:")} == {address}


@pytest.fixture
def page(opened: Page) -> Page:
    """The page as it is at first."""
    opened.reload()
    return opened


def column(table: Locator, index: int) -> list[str]:
    return [row.locator("th, td").nth(index).inner_text() for row in table.locator("tbody tr").all()]


def states(table: Locator) -> list[str | None]:
    return [head.get_attribute("aria-sort") for head in table.locator("thead th").all()]


def test_a_click_on_a_heading_sorts_and_another_reverses(page: Page) -> None:
    table = page.locator("#table-1 table").first
    assert column(table, 0) == ["none", "bilinear", "jpu", "dilated"]
    score = table.get_by_role("button", name="mIoU, %", exact=True)
    score.click()
    assert column(table, 0) == ["jpu", "bilinear", "none", "dilated"]  # what is missing stays last
    assert states(table)[:5] == ["none", "none", "none", "descending", "none"]
    score.click()
    assert column(table, 0) == ["none", "bilinear", "jpu", "dilated"]
    assert states(table)[3] == "ascending"
    table.get_by_role("button", name="row").click()
    assert column(table, 0) == ["bilinear", "dilated", "jpu", "none"]
    assert [state for state in states(table) if state != "none"] == ["ascending"]


def test_numbers_are_sorted_by_size_not_by_letter(page: Page) -> None:
    table = page.locator("#published table")
    table.get_by_role("button", name="FPS").click()
    assert column(table, 2) == ["37.56", "18.77"]
    table = page.locator("#table-1 table").first
    table.get_by_role("button", name="min a run").click()
    assert column(table, 10) == ["100.0", "12.0", "4.0", ""]


def test_the_keyboard_sorts_too(page: Page) -> None:
    table = page.locator("#table-1 table").first
    table.get_by_role("button", name="seeds").focus()
    page.keyboard.press("Enter")
    assert column(table, 4) == ["2", "2", "2", "0"]


def test_two_rows_are_chosen_for_the_difference_of_iou(page: Page) -> None:
    block = page.locator(".differences")
    table = block.locator("table")
    assert column(table, 0) == ["sky", "road", "tree"]
    assert column(table, 1) == ["71.00", "51.00", "absent"]  # jpu, the best
    assert column(table, 3) == ["+30.50", "+30.50", ""]  # against none, the worst
    block.locator('select[data-side="A"]').select_option("bilinear")
    assert column(table, 1) == ["55.00", "35.00", "absent"]
    assert column(table, 3) == ["+14.50", "+14.50", ""]
    block.locator('select[data-side="B"]').select_option("jpu")
    assert column(table, 3) == ["-16.00", "-16.00", ""]
    assert block.locator(".bar .down").count() == 2
    assert block.locator(".bar .up").count() == 0
    for _ in ("descending", "ascending"):
        table.get_by_role("button", name="A", exact=True).click()
    assert column(table, 0) == ["road", "sky", "tree"]
    block.locator('select[data-side="A"]').select_option("none")  # stays sorted by A
    assert column(table, 1) == ["20.50", "40.50", "absent"]


def test_the_pictures_are_seen(page: Page, report: Report) -> None:
    gallery = build_gallery(report.tables[0].lines)
    assert gallery is not None
    expected = sum(panel.source is not None for row in gallery.rows for panel in row)
    sizes = page.locator(".pictures img").evaluate_all("images => images.map(each => each.naturalWidth)")
    assert sizes == [32] * expected
    assert page.locator(".pictures .absent").count() == 1
    colours = page.locator(".legend i").evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    assert colours == ["rgb(135, 206, 235)", "rgb(128, 128, 128)", "rgb(34, 139, 34)"]


def test_nothing_is_cut_off_and_no_text_of_a_chart_covers_another(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    boxes = page.locator("figure svg").evaluate_all(
        "all => all.map(each => [...each.querySelectorAll('text')].map(text => text.getBoundingClientRect().toJSON()))"
    )
    assert len(boxes) == 2
    for texts in boxes:
        assert len(texts) > 10
        for index, one in enumerate(texts):
            for other in texts[index + 1 :]:
                apart = one["right"] <= other["left"] or other["right"] <= one["left"]
                assert apart or one["bottom"] <= other["top"] + 1 or other["bottom"] <= one["top"] + 1, (one, other)


def test_the_screen_is_not_blank(page: Page) -> None:
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    colours = shot.convert("RGB").getcolors(maxcolors=shot.width * shot.height)
    assert colours is not None
    assert len(colours) > 200
    white = sum(count for count, colour in colours if colour == (255, 255, 255))
    assert 0.3 < white / (shot.width * shot.height) < 0.98
