"""dashboard.py push, against stand-ins for W&B's server."""

import json
import socket
from collections.abc import Iterator

import pytest
import wandb

from tests.tracking.serving import KEY, PROJECT, Refusing, served, taking

pytestmark = pytest.mark.slow  # wandb's service process, once refused, has been seen not to end

TOPICS = ["Scores", "Speed against accuracy", "What matters", "Classes", "Predictions", "Training", "Runs"]


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.delenv("WANDB_MODE")
    wandb.teardown()  # it reads the environment once
    yield
    wandb.teardown()


def test_workspace_and_report_are_saved(dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[dict[str, str]] = []
    with served(taking(saved, project=PROJECT)) as host:
        monkeypatch.setenv("WANDB_BASE_URL", host)
        said = dashboard("push", "entity=someone")
        assert said.out.splitlines() == [
            f"{host}/someone/fastfcn?nw=abc", f"{host}/someone/fastfcn/reports/FastFCN-ablations--Vmlldzox",
        ]  # fmt: skip
    workspace, report = saved
    assert {(each["entityName"], each["projectName"]) for each in saved} == {("someone", "fastfcn")}
    sections = json.loads(workspace["spec"])["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == TOPICS
    grids = [block for block in json.loads(report["spec"])["blocks"] if block["type"] == "panel-grid"]
    assert len(grids) == len(TOPICS)
    assert grids[0]["metadata"]["runSets"][0]["project"]["name"] == "fastfcn"


def test_a_project_that_is_not_there(dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[dict[str, str]] = []
    with served(taking(saved, project=None)) as host:
        monkeypatch.setenv("WANDB_BASE_URL", host)
        said = dashboard("push", "entity=someone", "project=new", fails=True).err
    assert said == "error: W&B has no project someone/new; upload a run to it first, with wandb sync\n"
    assert saved == []


def test_a_refused_key(dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Refusing) as host:
        monkeypatch.setenv("WANDB_BASE_URL", host)
        said = dashboard("push", "entity=someone", fails=True).err
    assert said.startswith(f"error: W&B at {host} did not take the dashboard: ")
    assert said.count("\n") == 1


def test_no_network(dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("WANDB_BASE_URL", host)
    monkeypatch.setattr("fastfcn.tracking.dashboard.TIMEOUT", 1)
    said = dashboard("push", "entity=someone", fails=True).err
    assert said.startswith(f"error: W&B at {host} did not take the dashboard: ")
    assert said.count("\n") == 1


def test_no_key(dashboard, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))  # whose .netrc may have one
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    said = dashboard("push", "entity=someone", fails=True).err
    assert said.startswith("error: push needs a W&B key: wandb login, or WANDB_API_KEY")
