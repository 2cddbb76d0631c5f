"""The container and the workflow name what is here. (Neither can be run where there is no daemon and no runner.)"""

import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile and their arguments."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def test_what_is_copied_is_here(steps: list[tuple[str, str]]) -> None:
    sources = [source for word, rest in steps if word == "COPY" for source in shlex.split(rest)[:-1]]
    assert {"pyproject.toml", "setup.py", "src", "conf", "experiments", "constraints.txt"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(sources) & set(ignored)


def test_what_is_installed_and_started_exists(steps: list[tuple[str, str]]) -> None:
    commands = [rest for word, rest in steps if word == "RUN"]
    (extras,) = re.findall(r"'\.\[(.+?)\]'", " ".join(commands))
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    copied = " ".join(rest for word, rest in steps[: [word for word, _ in steps].index("ENV")] if word == "COPY")
    assert all(file in copied for file in re.findall(r"-c (\S+)", " ".join(commands)))
    words = dict(steps)
    assert json.loads(words["ENTRYPOINT"])[0] in PROJECT["scripts"]
    minor = re.search(r"python:(3\.\d+)", words["FROM"])[1]
    assert int(minor.partition(".")[2]) >= int(PROJECT["requires-python"].rpartition(".")[2])


def test_the_devices_of_a_build_are_told_apart(steps: list[tuple[str, str]]) -> None:
    (choice,) = (rest for word, rest in steps if word == "RUN" and "case" in rest)
    assert re.findall(r"(\w+|\*)\) ", choice) == ["cpu", "cuda", "*"]
    assert ("ARG", "DEVICE=cpu") in steps


def test_the_workflow_runs_what_has_to_pass() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` so
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert job["steps"][0]["uses"].startswith("actions/checkout@")
    targets = re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert targets
    assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for target in targets)
