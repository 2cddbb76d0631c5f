"""The dashboard names nothing that runs do not log, and `dashboard.py` says what is wrong."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fastfcn.data.shapes import CLASSES
from fastfcn.tracking.dashboard import specification
from fastfcn.tracking.offline import OfflineRun


def accessor(value: Any) -> list[tuple[str, str]]:
    """Read `section:key`, or the bare key of a metric."""
    if not isinstance(value, str) or value in ("run", "index"):  # axes of a media browser
        return []
    section, found, key = value.partition(":")
    return [(section, key) if found else ("metric", value)]


READERS: dict[str, Callable[[Any], list[tuple[str, str]]]] = {  # by the name of the field that holds keys
    "metrics": lambda value: [("metric", each) for each in value],
    "mediaKeys": lambda value: [("metric", each) for each in value],
    "targetKey": lambda value: [("summary", value)],
    "groupBy": lambda value: [("config", value)],
    "xAxis": accessor,
    "yAxis": accessor,
    "accessor": accessor,
    "columnPinned": lambda value: [key for each in value for key in accessor(each)],
    "grouping": lambda value: [(each["section"], each["name"]) for each in value],
    "keys": lambda value: [(each["key"]["section"], each["key"]["name"]) for each in value],
    "queryFields": lambda value: [
        ("summary", key) for key in re.findall(r'"tableKey", "value": "([^"]+)"', json.dumps(value))
    ],
}


def keys_of(node: Any) -> set[tuple[str, str]]:
    """Return every key that panels name, with its section, but for what W&B itself knows of a run."""
    if isinstance(node, list):
        return set().union(*map(keys_of, node))
    if not isinstance(node, Mapping):
        return set()
    found = [READERS[name](value) if name in READERS else keys_of(value) for name, value in node.items()]
    return {(section, key) for keys in found for section, key in keys if section != "run"}


def is_logged(run: OfflineRun, section: str, key: str) -> bool:
    if section == "config":
        node: Any = run.config
        for part in (part for part in key.split(".") if part != "value"):
            if not isinstance(node, Mapping) or part not in node:
                return False
            node = node[part]
        return node is not None
    return key in run.summary or (section == "metric" and any(key in line for line in run.history))


@pytest.mark.parametrize("classes", [(), CLASSES])
def test_every_key_that_a_panel_names_is_logged(classes: tuple[str, ...], logged: OfflineRun) -> None:
    spec = specification("fastfcn", "someone", classes)
    for part in ("workspace", "report"):
        named = keys_of(spec[part])
        assert named >= {
            ("metric", "val/miou"), ("summary", "bench/fps"), ("summary", "best/miou"), ("config", "row.value"),
            ("config", "network.value.upsampling"), ("metric", "val/images"), ("metric", "grad_norm"),
            ("summary", "val/confusion_matrix_table"),
        }  # fmt: skip
        present = {f"iou/{name}" for name in CLASSES if f"iou/{name}" in logged.summary}
        absent = {f"iou/{name}" for name in CLASSES} - present
        assert present  # a class that occurs nowhere in this tiny split has no IoU
        assert [key for key in named if not is_logged(logged, *key) and key[1] not in absent] == []


def test_a_wrong_key_would_be_noticed(logged: OfflineRun) -> None:
    assert not is_logged(logged, "metric", "val/mioo")
    assert not is_logged(logged, "config", "network.value.neck")
    assert not is_logged(logged, "summary", "bench/fsp")


def test_both_have_every_panel() -> None:
    spec = specification("fastfcn", "someone", ["road"])
    types = {
        "Run History Line Plot", "Bar Chart", "Scatter Plot", "Parallel Coordinates Plot", "Parameter Importance",
        "Vega2", "Media Browser", "Run Comparer",
    }  # fmt: skip
    for part in ("workspace", "report"):
        assert set(re.findall(r'"viewType": "([^"]+)"', json.dumps(spec[part]))) == types
    lines = [panel for panel in panels(spec["workspace"]) if panel["viewType"] == "Run History Line Plot"]
    assert {(line["config"]["groupBy"], line["config"]["groupArea"]) for line in lines} == {("row.value", "stddev")}


def panels(workspace: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [panel for part in workspace["spec"]["section"]["panelBankConfig"]["sections"] for panel in part["panels"]]


def test_panels_of_the_report_do_not_overlap() -> None:
    spec = specification("fastfcn", "someone", ["road"])
    grids = [block for block in spec["report"]["spec"]["blocks"] if block["type"] == "panel-grid"]
    assert len(grids) == 7
    for grid in grids:
        cells = [
            (panel["layout"]["x"] + column, panel["layout"]["y"] + row)
            for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]
            for column in range(panel["layout"]["w"])
            for row in range(panel["layout"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


def test_spec_writes_both_without_a_network(tmp_path: Path, logged_folder: Path, dashboard) -> None:
    output = tmp_path / "spec.json"
    assert dashboard("spec", f"output={output}", "project=mine", str(logged_folder)).out == f"{output}\n"
    content = json.loads(output.read_text())
    assert content["workspace"]["project"] == "mine"
    bars = [panel for panel in panels(content["workspace"]) if "iou/sky" in panel["config"].get("metrics", [])]
    assert bars[0]["config"]["metrics"] == [f"iou/{name}" for name in CLASSES]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["spec", "outptu=x"], "spec has no option outptu=x; did you mean output? it has project=, entity=, output="),
        (
            ["spec", "--output=x"],
            "spec has no option --output=x; did you mean output? it has project=, entity=, output=",
        ),
        (["show"], "dashboard.py takes push, spec, view first, got show"),
        (["push", "project=p"], "push needs entity="),
        (["push", "entity=e", "project="], "push needs project="),
        (["view"], "view needs a folder of runs, such as outputs/sweeps/upsampling"),
        (["view", "nowhere"], "nowhere does not exist"),
        (["view", "nowhere", "port=x"], "port must be a number from 0 (any) to 65535, got x"),
        (["view", "{empty}"], "no W&B run below {empty}; runs are logged unless logger=csv"),
    ],
)
def test_mistakes_end_with_one_line(words: list[str], line: str, tmp_path: Path, dashboard) -> None:
    said = dashboard(*(word.replace("{empty}", str(tmp_path)) for word in words), fails=True)
    assert said.err == f"error: {line.replace('{empty}', str(tmp_path))}\n"
