"""A sweep without key, stdin and network: what its runs tell, and what the local view shows of them."""

import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from fastfcn.data.shapes import PALETTE
from fastfcn.tracking.offline import read_runs
from fastfcn.tracking.view import view
from tests.reporting.comparison.test_browser import CHROMIUM
from tests.sweeping.commands import ROOT, TWO_PROCESSES, sweep_command, sweep_environment
from tests.tracking.checks import assert_complete

SWEEP = ("experiment=upsampling", "row=jpu,none", "seed=0,1", "logger=offline", "recipe.epochs=3", "pictures=0",
         "hydra.launcher.jobs=2")  # fmt: skip
ISOLATED = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@" <&-', "sh")  # loopback alone, stdin closed
NAMES = {(row, seed) for row in ("jpu", "none") for seed in (0, 1)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("unshare") is None or os.geteuid() != 0, reason="taking the network away needs root and unshare"
    ),
]


def run_isolated(folder: Path, *options: str) -> None:
    """Run the sweep where no key, no stdin and no network are."""
    environment = sweep_environment(HOME=str(folder.parent), NETRC=str(folder.parent / "netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        environment.pop(name, None)
    command = [*ISOLATED, *sweep_command(folder, *SWEEP, *options)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]


def assert_runs_complete(folder: Path) -> None:
    """Assert that there are four runs with ids of their own, each with all that it should have."""
    runs = read_runs([folder])
    assert len({run.id for run in runs}) == len(runs) == 4
    assert {(run.config["row"], run.config["seed"]) for run in runs} == NAMES
    for run in runs:
        assert len(run.folders) == 1
        assert_complete(run, size=64, row=run.config["row"], seed=run.config["seed"])


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "upsampling"
    run_isolated(folder)
    return folder


def test_four_runs_are_complete(sweep: Path) -> None:
    assert_runs_complete(sweep)


def test_four_runs_of_two_processes_are_complete(tmp_path: Path) -> None:
    run_isolated(tmp_path / "sweep", *TWO_PROCESSES)
    assert_runs_complete(tmp_path / "sweep")


@pytest.fixture
def page(sweep: Path) -> Iterator[Page]:
    """The local view of the sweep in Chromium, which may ask for nothing beyond this machine."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: apt-get install chromium, or set CHROMIUM to a browser like it")
    lines: Queue[str] = Queue()
    done = threading.Event()
    options = {"port": 0, "announce": lines.put, "forever": lambda: not done.wait(0.1)}
    server = threading.Thread(target=view, args=((sweep,),), kwargs=options, daemon=True)
    server.start()
    assert lines.get(timeout=60).startswith("4 runs: ")
    address = lines.get(timeout=60).split()[0].partition("?")[0]
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, base_url=address)
        page.set_default_timeout(30_000)
        page.on("request", lambda request: asked.append(request.url))
        yield page
        browser.close()
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    done.set()


def test_the_local_view_shows_the_curves_of_all_runs(page: Page, tmp_path: Path) -> None:
    page.goto("?smoothing=0&tagFilter=val%2Fmiou%24#timeseries")
    chart = page.locator("scalar-card line-chart").first
    chart.wait_for()
    names = [f"upsampling/{row}-seed{seed}" for row, seed in sorted(NAMES)]
    rows = page.locator("runs-data-table tb-data-table-content-row")
    assert rows.count() == 4
    assert [row.inner_text().strip() for row in rows.all()] == names
    page.wait_for_timeout(3000)  # curves are drawn one by one
    path = tmp_path / "curves.png"
    chart.screenshot(path=path)
    drawn = Counter(map(tuple, np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).tolist()))
    for row in rows.all():
        swatch = row.locator("button.run-color-swatch, [style*='background']").first
        colour = swatch.evaluate("each => getComputedStyle(each).backgroundColor")
        rgb = tuple(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))
        assert drawn[rgb] > 20, (row.inner_text(), rgb)


def test_the_local_view_shows_the_predictions(page: Page, tmp_path: Path) -> None:
    page.goto("?tagFilter=val%2Fpredictions#timeseries")
    pictures = page.locator("image-card img")
    pictures.first.wait_for()
    page.wait_for_timeout(3000)
    assert pictures.count() >= 4  # others are loaded once they are scrolled to
    path = tmp_path / "picture.png"
    pictures.first.screenshot(path=path)
    colours = set(map(tuple, np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).tolist()))
    assert len(colours) > 500  # a photograph-like image
    assert len(set(PALETTE) & colours) >= 2  # and label maps in the classes' colours
