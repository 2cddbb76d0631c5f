"""Folders of results that someone made to do harm, or a disk has damaged, beside those of sound runs."""

import html
import json
import os
import struct
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fastfcn.reading import read_yaml
from fastfcn.reporting.comparison.report import build_report, write_report
from fastfcn.sweeping.status import read_progress, read_score, read_status
from tests.attack.limits import entries, within_limits
from tests.reporting.comparison.synthetic import content, write_experiment, write_run

SVG = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
HEAD = "epoch,step,train/loss,val/miou\n"


def result(text: str | bytes) -> Callable[[Path], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda folder: (folder / "result.json").write_bytes(data)


def changed(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: result(json.dumps({**content(folder.parent.name), **changes}))(folder)


def metrics(text: str | bytes) -> Callable[[Path], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda folder: (folder / "metrics.csv").write_bytes(data)


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put something else in the place of a file."""

    def replace(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return replace


def picture(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "predictions" / "00003.png").write_bytes(data)


def bomb(side: int) -> bytes:
    """A PNG of `side` x `side` pixels, of which 100 million are there, in a tenth of a megabyte."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(100_000_000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, pixels)
    )


def to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def to_itself(path: Path) -> None:
    path.symlink_to(path)


def out_of_the_folder(path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(path.parents[4] / "private.png")
    path.symlink_to(path.parents[4] / "private.png")


MISSING, GONE, CURVES, PICTURE = "missing: ", ">missing<", "The curves lack a run: ", 'class="absent">'
DEEP = "[" * 100_000
HOSTILE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    # what it is: how it is made of a sound folder, where the page tells of it, and the reason
    "an empty result": (result(""), MISSING, "damaged, Invalid JSON: EOF"),
    "bytes for a result": (result(bytes(range(256)) * 100), MISSING, "damaged, Invalid JSON"),
    "a result of 100 MB": (result(b"[" + b"0," * 50_000_000 + b"0]"), MISSING, "is larger than 5 MB"),
    "a result 100,000 deep": (result('{"a":' + DEEP), MISSING, "damaged, Invalid JSON: recursion limit"),
    "a list for a result": (result("[]"), MISSING, "damaged, Input should be an object"),
    "metrics that are text": (changed(metrics="x"), MISSING, "damaged, metrics"),
    "metrics without end": (changed(metrics={f"a{n}": 0 for n in range(2000)}), MISSING, "damaged, metrics"),
    "infinite operations": (changed(gflops=float("inf")), MISSING, "damaged, gflops"),
    "operations beyond all": (changed(gflops=1e300), MISSING, "damaged, gflops"),
    "a seed of 4,000 digits": (changed(seed=10**4000), MISSING, "damaged, seed"),
    "a score that is none": (changed(metrics={"val/miou_ss": float("nan"), "val/pixacc_ss": 1}), MISSING, "damaged, "),
    "a row with control characters": (changed(row="a\n\x1b[2J"), MISSING, "not written by a job"),
    "a class of a megabyte": (changed(iou={"a" * 1_000_000: 0.5}), MISSING, "damaged, iou"),
    "a model of other types": (changed(model={"backbone": 5}), MISSING, "damaged, it lacks"),
    "half a surrogate": (result('{"data": "\\ud800"}'), MISSING, "damaged, Invalid JSON"),
    "a pipe for a result": (instead("result.json", os.mkfifo), MISSING, "is no regular file"),
    "a folder for a result": (instead("result.json", Path.mkdir), MISSING, "is no regular file"),
    "a device for a result": (instead("result.json", to_zero), MISSING, "is no regular file"),
    "a result that links to itself": (instead("result.json", to_itself), GONE, ""),
    "bytes for metrics": (metrics(bytes(range(256)) * 100), CURVES, "is damaged: "),
    "a field of a megabyte": (metrics(HEAD + "0,0," + "1" * 1_000_000 + ",\n"), CURVES, "is damaged: field larger"),
    "metrics of 60 MB": (metrics(b"0" * 60_000_000), CURVES, "is larger than 50 MB"),
    "a million rows": (metrics(HEAD + "0,0,0,0\n" * 1_000_000), CURVES, "more than 500000 rows"),
    "100,000 columns": (metrics("a," * 100_000 + "a\n"), CURVES, "more than 1000 columns"),
    "an open quote": (metrics(HEAD + '0,0,"1\n'), CURVES, "is damaged: "),
    "a pipe for metrics": (instead("metrics.csv", os.mkfifo), CURVES, "is no regular file"),
    "a folder for metrics": (instead("metrics.csv", Path.mkdir), CURVES, "is no regular file"),
    "a device for metrics": (instead("metrics.csv", to_zero), CURVES, "is no regular file"),
    "metrics that link to themselves": (instead("metrics.csv", to_itself), CURVES, "Too many levels of symbolic"),
    "numbers that cannot be drawn": (
        metrics(HEAD + "0,0,inf,1e308\n0,1,-inf,nan\n0,9" + "9" * 4000 + ",1,1\n0,-5,1,1\n0,x,1,1\n"), "", "",
    ),
    "text for a picture": (picture(SVG.encode()), PICTURE, "is no sound picture"),
    "half a picture": (picture(bomb(9000)[:60]), PICTURE, "is no sound picture"),
    "a picture of 3.6 gigapixels": (picture(bomb(60_000)), PICTURE, "is no sound picture"),
    "a picture of 81 megapixels": (picture(bomb(9000)), PICTURE, "9000 x 9000 pixels"),
    "a pipe for a picture": (instead("predictions/00003.png", os.mkfifo), PICTURE, "is no regular file"),
    "a folder for a picture": (instead("predictions/00003.png", Path.mkdir), PICTURE, "is no regular file"),
    "a device for a picture": (instead("predictions/00003.png", to_zero), PICTURE, "is a link out of"),
    "a picture of someone else": (instead("predictions/00003.png", out_of_the_folder), PICTURE, "is a link out of"),
    "names that are formulae": (changed(row="$\\frac{$ <script>x"), "", ""),
}  # fmt: skip


ROWS = {case: f"row{place:02d}" for place, case in enumerate(HOSTILE)}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of an experiment with a row for each case, and one that is sound."""
    root = tmp_path_factory.mktemp("hostile")
    experiment = write_experiment(root)
    rows = ["jpu", *ROWS.values()]
    (experiment / "sweep.yaml").write_text(
        "protocol: full\nrows:\n" + "".join(f"  {row}: model=fcn_jpu\n" for row in rows)
    )
    for row in rows:
        write_run(experiment / "results", row, pictures=("00003", "00007"))
    for case, (make, _, _) in HOSTILE.items():
        make(experiment / "results" / ROWS[case] / "seed0")
    before = entries(root)
    with within_limits():
        report = build_report(experiment, [experiment / "results"])
        write_report(report, experiment / "report", made=date(2026, 1, 1))
    assert entries(root) - before == {experiment / "report", *(experiment / "report").iterdir()}
    assert all("\n" not in line for line in report.left_out)
    lost = [case for case, (_, place, _) in HOSTILE.items() if place in (MISSING, GONE)]
    assert len(report.runs) == len(rows) - len(lost)
    return (experiment / "report" / "index.html").read_text()


def test_the_page_shows_what_is_sound(page: str) -> None:
    assert page.count("<svg") == 2
    places = [place for _, place, _ in HOSTILE.values()]
    shown = 1 + len([place for place in places if place not in (MISSING, GONE)])
    assert page.count("data:image") == 2 * (shown + 2) - places.count(PICTURE)  # image and truth, too
    assert "<script>x" not in page
    assert "<script>x" in html.unescape(page)


@pytest.mark.parametrize("case", HOSTILE)
def test_it_costs_its_own_cell_and_says_why(case: str, page: str) -> None:
    (_, place, reason), row, page = HOSTILE[case], ROWS[case], html.unescape(page)
    if place in (MISSING, GONE):
        cells = page.partition(f">{row}</th>")[2].partition("</tr>")[0]
        assert place in cells
        assert reason in cells
    elif place:
        lines = [line for line in page.splitlines() if place in line and f"/{row}/seed0/" in line]
        assert lines
        assert all(reason in line for line in lines)
    else:
        assert f"/{row}/seed0/" not in page


NO_YAML = (DEEP, "{" * 10_000, "[" * 9_999 + "]" * 9_999, "9" * 10_000, "a: *b", "\x00", "? [a]", "2020-99-99",
           "- " * 2_000_000)  # fmt: skip


@pytest.mark.parametrize("text", NO_YAML)
def test_a_yaml_file_that_is_none_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(text)
    with within_limits(), pytest.raises(ValueError, match=r"sweep\.yaml is (no YAML|larger)") as raised:
        read_yaml(tmp_path / "sweep.yaml")
    assert "\n" not in str(raised.value)


def test_a_billion_laughs_are_none(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    (tmp_path / "sweep.yaml").write_text("\n".join(lines))
    with within_limits(), pytest.raises(ValueError, match=r"it holds an alias, \*NAME"):
        read_yaml(tmp_path / "sweep.yaml")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"state": 5, "launch": []}', DEEP, "0" * 1_000_000, '{"state": "done"}', '{"x": 1e999}']
)
def test_what_a_sweep_reads_of_its_jobs_may_be_damaged(text: str, tmp_path: Path) -> None:
    for name in ("status.json", "result.json", "metrics.csv"):
        (tmp_path / name).write_text(text)
    assert read_status(tmp_path) is None
    assert read_score(tmp_path) is None
    assert read_progress(tmp_path) is None
