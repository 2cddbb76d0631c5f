"""The page as HTML; test_browser.py looks at it in a browser."""

import json
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

from fastfcn.reporting.comparison.page import to_html
from fastfcn.reporting.comparison.report import Report, build_report
from tests.reporting.comparison.synthetic import write_experiment, write_run


class Reader(HTMLParser):
    """Collects ids, addresses and text, and checks that tags are closed."""

    VOID = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_data(self, data) -> None:
        self.text.append(data)


def render(report: Report) -> str:
    return to_html(report, made=date(2026, 1, 2))


def test_the_page_stands_alone(experiment: Path) -> None:
    text = (experiment / "report" / "index.html").read_text()
    page = Reader(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert page.addresses
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)
    assert "default-src 'none'" in text
    assert len(text) < 1_000_000


def test_the_page_says_what_was_found(experiment: Path) -> None:
    text = " ".join(" ".join(Reader((experiment / "report" / "index.html").read_text()).text).split())
    for sentence in (
        "Measured order by mean mIoU, %: jpu 61.00 > bilinear 45.00 > none 30.50.",
        "Without a result: dilated.",
        "jpu: published for dataset pascal_context, not shapes; backbone tu-resnet50s, not tu-resnet18.",
        "61.00 ± 1.41",
        "the rows that no other beats in both: none, jpu.",
        "Made on 2026-01-02 by python src/report.py experiments/upsampling",
        "python src/train.py -m",
        "torch : 2.9.0",
    ):
        assert sentence.replace(" : ", " ") in text.replace(": 2.9.0", " 2.9.0"), sentence


def test_names_are_escaped(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    hostile = "</script><script>alert(1)</script>"
    for row in ("x", "y"):
        path = write_run(folder / "results", row, iou={hostile: 0.5}, commit=hostile) / "result.json"
        path.write_text(path.read_text().replace(f'"row": "{row}"', json.dumps({"row": row + hostile})[1:-1]))
    text = render(build_report(folder, [folder / "results"]))
    assert hostile not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text


def test_pictures_of_other_data_need_to_be_asked_for(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    for row in ("none", "jpu"):
        write_run(folder / "results", row, data="camvid", pictures=("a",))
    closed, opened = (render(build_report(folder, [folder / "results"], shown=shown)) for shown in ((), ("camvid",)))
    assert "data:image/" not in closed
    assert "<code>pictures=camvid</code>" in closed
    assert opened.count("data:image/") == 4


def test_an_experiment_without_results_shows_what_is_published(tmp_path: Path) -> None:
    text = render(build_report(write_experiment(tmp_path), []))
    assert "No results yet. Rows without one: none, bilinear, jpu, dilated." in text
    assert "49.91" in text
