"""The pages of the site: every option is there with a meaning, and every link leads somewhere."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fastfcn.entry import CONF
from fastfcn.installation import ROOT
from tests.test_rooms import FLOORS

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def leaves(node: Any, path: str = "") -> list[str]:
    if not isinstance(node, dict) or not node:
        return [path]
    return [leaf for name, inner in node.items() for leaf in leaves(inner, f"{path}.{name}".lstrip("."))]


def test_every_option_has_a_meaning() -> None:
    pages = importlib.import_module("making.options").pages()
    assert {page.file.path for page in pages} == set(CONF.rglob("*.yaml"))
    lacking = [
        f"{page.file.name}: {each.path}" for page in pages for each in (*page.groups, *page.options) if not each.meaning
    ]
    assert lacking == []


def test_every_key_of_a_script_is_an_option() -> None:
    pages = importlib.import_module("making.options").pages()
    scripts = [page for page in pages if not page.file.group]
    assert {page.file.name for page in scripts} == {path.stem for path in CONF.glob("*.yaml")}
    for page in scripts:
        listed = [each.path for each in page.options]
        keys = {key: value for key, value in yaml.safe_load(page.file.path.read_text()).items() if key != "defaults"}
        keyed = [leaf for leaf in leaves(keys) if not leaf.endswith(("_target_", "_partial_"))]
        assert [leaf for leaf in keyed if not any(leaf == path or leaf.startswith(f"{path}.") for path in listed)] == []


def test_what_constructors_take_is_an_option_too() -> None:
    pages = {page.file.name: page for page in importlib.import_module("making.options").pages()}
    recipe = {each.path: each for each in pages["train"].options}
    assert recipe["recipe.lr"].type == "number, positive"
    shapes = {each.path: each for each in pages["data/shapes"].options}
    assert shapes["data.val_images"].added
    assert shapes["data.val_images"].default.isdigit()


def test_the_figure_has_every_room() -> None:
    drawn = set(re.findall(r">(\w+)</text>", (ROOT / "docs" / "rooms.svg").read_text()))
    assert set(FLOORS) <= drawn


def test_what_a_comment_says_comes_first() -> None:
    pages = {page.file.name: page for page in importlib.import_module("making.options").pages()}
    backbone = {each.path: each for each in pages["model/backbone/base"].options}
    assert backbone["model.backbone.in_channels"].meaning == "of the images"  # of a comment `# +in_channels: ...`
    ade20k = {each.path: each for each in pages["data/ade20k"].options}
    assert ade20k["recipe.epochs"].meaning == "passes over the training images"  # of train.yaml


def test_links_lead_to_pages(tmp_path: Path) -> None:
    importlib.import_module("making.pages").Site(tmp_path).write()
    written = sorted(tmp_path.rglob("*.md"))
    assert len(written) > 60
    broken = []
    for page in written:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for address in LINK.findall(re.sub(r"`[^`]*`", "", text)):
            target = address.partition("#")[0]
            if target and "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(tmp_path)}: {address}")
    assert broken == []


def test_the_navigation_has_every_page_but_those_of_files(tmp_path: Path) -> None:
    importlib.import_module("making.pages").Site(tmp_path).write()
    navigation = yaml.safe_load((ROOT / "docs" / "making" / "site.yml").read_text())["nav"]
    listed = re.findall(r"[\w/]+\.md", str(navigation))
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")}
    assert set(listed) == {name for name in written if not name.startswith("files/")}


def test_every_script_has_a_page_of_its_options(tmp_path: Path) -> None:
    importlib.import_module("making.pages").Site(tmp_path).write()
    written = " ".join(path.stem for path in (tmp_path / "options").iterdir())
    assert [path.stem for path in ROOT.glob("src/*.py") if path.stem not in written] == []
    assert "than=ROW" in (tmp_path / "options" / "report.md").read_text()


@pytest.mark.slow  # needs the extra docs
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    builder = Path(sys.executable).with_name("zensical")
    if not builder.exists():
        pytest.skip("the extra docs is not installed")
    pages = importlib.import_module("making.pages")
    pages.Site(tmp_path / "docs").write()
    for name, folder in (("site.yml", tmp_path), ("site.css", tmp_path / "docs")):
        shutil.copy(ROOT / "docs" / "making" / name, folder)
    command = [str(builder), "build", "--strict", "-f", str(tmp_path / "site.yml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "options" / "train.html").is_file()
    assert "https://unpkg.com" not in (tmp_path / "site" / "index.html").read_text()
