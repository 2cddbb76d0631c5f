"""The pages of the site: README and docs/ as they are, the options and the public names as the code has them."""

import ast
import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from os.path import relpath
from pathlib import Path, PurePosixPath

from making.options import Option, Page, pages
from making.sources import ROOT, read_module

README, RESULTS = "README.md", "## Results"
HOWTO = ("data", "training", "backbones", "sweeps", "distributed", "prediction", "export", "hub", "dashboards", "speed",
         "python", "extending")  # fmt: skip
CODE = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
FENCE = "```"
PUBLIC = ("create_network", "load_network", "Prediction")
PACKAGE = ROOT / "src" / "fastfcn" / "__init__.py"


class Site:
    """Writes pages into `folder` and takes the files along that they link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = {README: "index.md", "docs/concepts.md": "concepts.md", "docs/fidelity.md": "deviations.md"}
        self.places |= {"docs/verdicts.md": "results/verdicts.md"}
        self.places |= {f"docs/{name}.md": f"guide/{name}.md" for name in HOWTO}
        for readme in sorted(ROOT.glob("experiments/*/README.md")):
            name = readme.parent.name
            self.places[f"experiments/{name}/README.md"] = self.places[f"experiments/{name}"] = f"results/{name}.md"
        self.places["experiments"] = "results/index.md"

    def write(self) -> None:
        """Write all pages anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for source in [each for each in self.places if each.endswith(".md") and each != README]:
            self._take(source, (ROOT / source).read_text())
        start, results, rest = _parted((ROOT / README).read_text())
        self._take(README, start + rest)
        self._take(README, results.replace(RESULTS, "# Results", 1), to="results/index.md")
        known = pages()
        for name, text in options(known).items():
            self._save(f"options/{name}.md", text)
        self._save("api.md", api())

    def _take(self, source: str, text: str, *, to: str | None = None) -> None:
        place = to or self.places[source]
        lines, fenced = [], False
        for line in text.splitlines():
            fenced ^= line.startswith(FENCE)
            lines.append(line if fenced else LINK.sub(lambda found: self._link(found, source, place), line))
        self._save(place, "\n".join(lines) + "\n")

    def _link(self, found: re.Match[str], source: str, place: str) -> str:
        address, _, anchor = found[2].partition("#")
        if not address or "://" in address:
            return found[0]
        path = (ROOT / source).parent.joinpath(address).resolve().relative_to(ROOT)
        target = self.places.get(path.as_posix()) or self._bring(path)
        return f"{found[1]}({relpath(target, PurePosixPath(place).parent)}{'#' if anchor else ''}{anchor})"

    def _bring(self, path: Path) -> str:
        """Take a linked file or folder along: source as a page, a folder as a list of its files, others as they are."""
        place = f"files/{path.as_posix()}"
        if (ROOT / path).is_dir():
            names = sorted(each.name for each in (ROOT / path).iterdir())
            self._save(f"{place}/index.md", f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in names))
            return f"{place}/index.md"
        if path.suffix in CODE:
            self._save(f"{place}.md", f"# {path}\n\n{FENCE}{CODE[path.suffix]}\n{(ROOT / path).read_text()}{FENCE}\n")
            return f"{place}.md"
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, self.folder / place)
        return place

    def _save(self, place: str, text: str) -> None:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _parted(readme: str) -> tuple[str, str, str]:
    """Part README into what is before its results, those, and what is behind."""
    before, _, behind = readme.partition(f"\n{RESULTS}\n")
    results, mark, after = behind.partition("\n## ")
    return f"{before}\n", f"{RESULTS}\n{results}\n", f"{mark}{after}"


def options(known: Iterable[Page]) -> dict[str, str]:
    """Make a page of each script, and one of each group at the root of conf/."""
    scripts = [page for page in known if not page.file.group]
    groups = [page for page in known if page.file.group]
    made = {page.file.name: f"# {_title(page)}\n\n{page.says}\n\n{_tables(page)}" for page in scripts}
    for root, members in groupby(sorted(groups, key=_root), key=_root):
        parts = [f"## `{page.file.group}={_choice(page)}`\n\n{page.says}\n\n{_tables(page)}" for page in members]
        made[f"group_{root}"] = f"# {root}\n\n" + "\n".join(parts)
    rows = [f"- [{name.removeprefix('group_')}]({name}.md)" for name in made]
    made["index"] = (
        "# Options\n\nOptions are given as `KEY=VALUE`, choices of a group as `GROUP=NAME`; what has a `+` before it is"
        " added, `+KEY=VALUE`. Scripts first, then the groups.\n\n" + "\n".join(rows) + "\n"
    )
    return made


def _root(page: Page) -> str:
    return page.file.group.partition("/")[0]


def _choice(page: Page) -> str:
    return page.file.name.rpartition("/")[2]


def _title(page: Page) -> str:
    name = page.file.name
    return f"hub.py {name.removeprefix('hub_')}" if name.startswith("hub_") else f"{name}.py"


def _tables(page: Page) -> str:
    tables = [("group", "chosen", "choices", page.groups), ("option", "default", "values", page.options)]
    return "\n".join(_table(heading, default, kinds, rows) for heading, default, kinds, rows in tables if rows)


def _table(heading: str, default: str, kinds: str, rows: Iterable[Option]) -> str:
    lines = [f"| {heading} | {default} | {kinds} | meaning |", "|---|---|---|---|"]
    for row in rows:
        name = f"`{'+' if row.added else ''}{row.path}`"
        cells = (name, f"`{row.default}`" if row.default else "", row.type, row.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def api() -> str:
    """Make the page of the public names from their signatures and docstrings."""
    return "# Python\n\n`import fastfcn` has these names; the modules below it are the suite's own.\n" + "".join(
        f"\n## {name}\n\n{part}" for name in PUBLIC for part in _described(name)
    )


def _described(name: str) -> Iterator[str]:
    package = read_module("fastfcn")
    assert package is not None
    homes = package.constant("HOMES")
    module = read_module(homes[name])
    found = module.find(name) if module else None
    assert found is not None
    node = found[1]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    written = ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else ""
    yield f"{FENCE}python\nfastfcn.{name}{f'({written})' if written else ''}\n{FENCE}\n\n{ast.get_docstring(node)}\n"
    if isinstance(node, ast.ClassDef):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        yield "\n".join(f"- `{ast.unparse(each)}`" for each in fields) + "\n"
