"""Builds a wheel that holds, inside the package, what a checkout has beside it: scripts, conf/ and the tables."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
BESIDE = {  # patterns in a checkout, and where their files go in the package
    "src/*.py": "scripts",
    "conf/**/*.yaml": "conf",
    "experiments/*/sweep.yaml": "experiments",
    "experiments/*/published.yaml": "experiments",
    "experiments/*/README.md": "experiments",
}


class BuildWithConfiguration(build_py):
    """Copies what lies beside the package, unless the package is used where it is."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            return
        for pattern, folder in BESIDE.items():
            base = ROOT / pattern.partition("/")[0]
            for source in sorted(ROOT.glob(pattern)):
                target = Path(self.build_lib, "fastfcn", folder, source.relative_to(base))
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithConfiguration})
