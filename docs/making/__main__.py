"""Write the sources of the site into build/: python docs/making, which `make docs` does."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from making.pages import Site
from making.sources import ROOT

if __name__ == "__main__":
    Site(ROOT / "build" / "docs").write()
    shutil.copyfile(Path(__file__).with_name("site.yml"), ROOT / "build" / "site.yml")
    shutil.copyfile(Path(__file__).with_name("site.css"), ROOT / "build" / "docs" / "site.css")
