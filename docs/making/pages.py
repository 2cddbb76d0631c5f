"""The pages of the site: README and docs/ as they are, the options and the public names as the code has them."""

import re
import shutil
from os.path import relpath
from pathlib import Path, PurePosixPath

from making.options import pages
from making.public import api
from making.sources import ROOT, read_module
from making.tables import option_pages

README, FIDELITY = "README.md", "docs/fidelity.md"
HOWTO = ("data", "training", "backbones", "sweeps", "distributed", "prediction", "export", "hub", "dashboards", "speed",
         "python", "extending")  # fmt: skip
PLAIN = ("report", "dashboard")  # scripts that compose no configuration: their options are what --help says
CODE = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
FENCE = "```"
UNSEARCHED = "---\nsearch: {exclude: true}\n---\n\n"


class Site:
    """Writes pages into `folder` and takes the files along that they link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = {README: "index.md", "docs/concepts.md": "concepts.md", FIDELITY: "results/fidelity.md"}
        self.places |= {"docs/verdicts.md": "results/verdicts.md"}
        self.places |= {f"docs/{name}.md": f"guide/{name}.md" for name in HOWTO}
        for readme in sorted(ROOT.glob("experiments/*/README.md")):
            name = readme.parent.name
            self.places[f"experiments/{name}/README.md"] = self.places[f"experiments/{name}"] = f"results/{name}.md"
        self.places["experiments"] = "results/index.md"

    def write(self) -> None:
        """Write all pages anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for source in sorted({*self.places} - {README, FIDELITY}):
            if source.endswith(".md"):
                self._save(self.places[source], self._linked(source, self.places[source]))
        self._write_divided()
        for name, text in option_pages(pages()).items():
            self._save(f"options/{name}.md", text)
        for name in PLAIN:
            self._save(f"options/{name}.md", help_page(name))
        self._save("api.md", api())

    def _write_divided(self) -> None:
        """Write README and the page of fidelity with their results and deviations on pages of their own."""
        start, results = _without(self._linked(README, "index.md"), "Results")
        start, _ = _without(start, "Deviations")
        self._save("index.md", start)
        _, results = _without(self._linked(README, "results/index.md"), "Results")
        self._save("results/index.md", results.removeprefix("#"))
        fidelity, _ = _without(self._linked(FIDELITY, "results/fidelity.md"), "Deviations")
        self._save("results/fidelity.md", fidelity)
        _, short = _without(self._linked(README, "deviations.md"), "Deviations")
        _, reasons = _without(self._linked(FIDELITY, "deviations.md"), "Deviations")
        self._save("deviations.md", short.removeprefix("#") + "\n" + reasons.replace("Deviations", "And why", 1))

    def _linked(self, source: str, place: str) -> str:
        """Return a page's text with its links as they lead from `place`; what they lead to is taken along."""
        lines, fenced = [], False
        for line in (ROOT / source).read_text(encoding="utf-8").splitlines():
            fenced ^= line.startswith(FENCE)
            lines.append(line if fenced else LINK.sub(lambda found: self._link(found, source, place), line))
        return "\n".join(lines) + "\n"

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
            self._save(f"{place}/index.md", f"{UNSEARCHED}# {path}\n\n" + "".join(f"- `{name}`\n" for name in names))
            return f"{place}/index.md"
        if path.suffix in CODE:
            text = (ROOT / path).read_text(encoding="utf-8")
            self._save(f"{place}.md", f"{UNSEARCHED}# {path}\n\n{FENCE}{CODE[path.suffix]}\n{text}{FENCE}\n")
            return f"{place}.md"
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, self.folder / place)
        return place

    def _save(self, place: str, text: str) -> None:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def help_page(name: str) -> str:
    """Return a page of what a script's --help says."""
    module = read_module(name)
    assert module is not None
    return f"# {name}.py\n\n{FENCE}\n{module.constant('HELP').strip()}\n{FENCE}\n"


def _without(text: str, heading: str) -> tuple[str, str]:
    """Part a page into all but a section, and that section, by the beginning of its heading."""
    before, mark, behind = text.partition(f"\n## {heading}")
    section, following, after = behind.partition("\n## ")
    return f"{before}\n{following.lstrip()}{after}", f"{mark.lstrip()}{section}\n"
