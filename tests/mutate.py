"""Whether the tests bite: each mutation of tests/mutations.yaml is made in a copy of the tree, where a test must fail.

`python tests/mutate.py [-j 2] [PART OF A FILE'S NAME OR OF A DESCRIPTION]`. Libraries are imported once, then each
mutation is tested in a fork of this process. Exit code 1 if under 95 % are killed, if a text is no longer found where
it should be (a stale mutation), or if the tests fail without any mutation.
"""

import argparse
import contextlib
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COPIED = ("src", "tests", "conf", "experiments", "docs", "README.md", "Makefile", "pyproject.toml")
LIBRARIES = ("torch", "lightning", "segmentation_models_pytorch", "timm", "albumentations", "wandb", "torchmetrics",
             "hydra", "cv2", "scipy.io", "matplotlib", "pycocotools.mask")  # fmt: skip
SOURCE = Path("src/fastfcn")
ENOUGH = 0.95
SECONDS = 600  # a mutation that makes a test hang is killed, too


@dataclass(frozen=True)
class Mutation:
    """In `file`, below src/fastfcn, `before` becomes `after`; `tests` are the files in which one should fail."""

    what: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"

    def apply(self, tree: Path) -> bool:
        """Make it in `tree`; False if `before` is not there exactly once."""
        path = tree / SOURCE / self.file
        text = path.read_text() if path.exists() else ""
        if text.count(self.before) != 1:
            return False
        mutated = text.replace(self.before, self.after)
        compile(mutated, path, "exec")
        shutil.copy2(path, tree / "kept")
        path.write_text(mutated)
        os.utime(path, (1, 1))  # no compiled file is of that time
        return True

    def undo(self, tree: Path) -> None:
        """Take it back."""
        shutil.copy2(tree / "kept", tree / SOURCE / self.file)


def read_mutations(part: str = "") -> list[Mutation]:
    """Read those whose file or description holds `part`."""
    files = yaml.safe_load((ROOT / "tests" / "mutations.yaml").read_text())
    found = [
        Mutation(each["what"], file, each["before"], each["after"], tuple(each["tests"].split()))
        for file, group in files.items()
        for each in group
    ]
    return [each for each in found if part in str(each)]


def copy_tree(root: Path, to: Path) -> Path:
    """Copy what tests need."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, to / name)
    return to


@dataclass
class Trial:
    """Tests running in a fork of this process; `mutation` is made in `tree`."""

    tree: Path
    mutation: Mutation | None
    child: int
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, tree: Path, tests: Iterable[str], mutation: Mutation | None = None) -> "Trial":
        """Run test files."""
        child = os.fork()
        if not child:
            os.setsid()
            os._exit(_pytest(tree, [test for test in tests if (tree / test.partition("::")[0]).exists()]))
        return cls(tree, mutation, child)

    def verdict(self, *, seconds: float = SECONDS) -> str | None:
        """Return `killed`, `survived` or `unclear`, or None while the tests run."""
        ended, status = os.waitpid(self.child, os.WNOHANG)
        if not ended and time.monotonic() < self.started + seconds:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child, signal.SIGKILL)  # and what a test has left behind
        if not ended:
            os.waitpid(self.child, 0)
            return "killed"
        return {0: "survived", 1: "killed", 2: "killed"}.get(os.waitstatus_to_exitcode(status), "unclear")


def _pytest(tree: Path, tests: list[str]) -> int:
    """Run pytest in `tree`, in this process, with the output in a file."""
    output = os.open(tree / "pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(tree)
    os.environ["OMP_NUM_THREADS"] = "1"
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(dir=tree)  # what a killed test leaves goes with the tree
    sys.path[:] = [place for place in sys.path if not Path(place).is_relative_to(ROOT) or ".venv" in place]
    options = ["-n0", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", f"--basetemp={tree}/temporary"]
    try:
        return int(pytest.main([*options, *tests]))
    finally:
        sys.stdout.flush()


def judge(mutations: Iterable[Mutation], trees: Iterable[Path]) -> dict[Mutation, str]:
    """Return the verdict on every mutation, testing as many at a time as there are trees, which stay as they were."""
    waiting, free = deque(mutations), deque(trees)
    running: list[Trial] = []
    verdicts: dict[Mutation, str] = {}
    while waiting or running:
        if waiting and free:
            mutation, tree = waiting.popleft(), free.popleft()
            if mutation.apply(tree):
                running.append(Trial.start(tree, mutation.tests, mutation))
            else:
                verdicts[mutation] = "stale"
                free.append(tree)
            continue
        for trial in list(running):
            verdict = trial.verdict()
            if verdict is not None and trial.mutation is not None:
                mutation = trial.mutation
                print(f"{verdict:9}{time.monotonic() - trial.started:5.0f} s  {mutation}", flush=True)
                mutation.undo(trial.tree)
                verdicts[mutation] = verdict
                running.remove(trial)
                free.append(trial.tree)
        time.sleep(0.1)
    return verdicts


def import_libraries() -> None:
    """Import what every test would, and nothing of the project."""
    os.environ.update({"NO_ALBUMENTATIONS_UPDATE": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
    for name in LIBRARIES:
        importlib.import_module(name)
    assert "fastfcn" not in sys.modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", nargs="?", default="", help="only mutations whose file or description holds this")
    parser.add_argument("-j", type=int, default=2, help="mutations at a time")
    options = parser.parse_args()
    mutations = read_mutations(options.part)
    if not mutations:
        sys.exit(f"no mutation has {options.part!r} in its file or description")
    import_libraries()
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        trees = [copy_tree(ROOT, Path(folder) / str(number)) for number in range(options.j)]
        require_success(trees[0], sorted({test for mutation in mutations for test in mutation.tests}))
        verdicts = judge(mutations, trees)
    for mutation, verdict in verdicts.items():
        if verdict != "killed":
            print(f"{verdict}: {mutation}")
    judged = [verdict for verdict in verdicts.values() if verdict != "stale"]
    killed = judged.count("killed")
    print(f"{killed} of {len(judged)} mutations killed, {killed / max(len(judged), 1):.1%}")
    sys.exit(len(judged) < len(mutations) or killed < ENOUGH * len(judged))


def require_success(tree: Path, tests: list[str]) -> None:
    """Exit if the tests fail without a mutation, or name a file that is not there."""
    absent = [test for test in tests if not (tree / test.partition("::")[0]).exists()]
    if absent:
        sys.exit(f"no such tests: {', '.join(absent)}")
    trial = Trial.start(tree, tests)
    while (verdict := trial.verdict(seconds=10 * SECONDS)) is None:
        time.sleep(0.1)
    if verdict != "survived":
        sys.exit(f"the tests fail without a mutation:\n{(tree / 'pytest.log').read_text()[-3000:]}")


if __name__ == "__main__":
    main()
