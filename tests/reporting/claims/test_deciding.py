"""Claims against results: by the whole range of their quantity, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

import report as script
from fastfcn.installation import EXPERIMENTS
from fastfcn.reporting.claims.claim import Claim, read_claims
from fastfcn.reporting.claims.deciding import decide, decide_all
from tests.reporting.comparison.synthetic import write_experiment
from tests.reporting.verdicts.synthetic import write_table

BENCHMARK = {
    "models": [
        {"model": "a", "path": "fast", "latency_ms": {"median": 10.0, "min": 9.0, "max": 12.0}, "parameters": 5},
        {"model": "b", "path": "fast", "latency_ms": {"median": 30.0, "min": 24.0, "max": 36.0}, "parameters": 7},
    ]
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Experiments: a table of three rows, and a benchmark of two networks."""
    root = tmp_path_factory.mktemp("experiments")
    write_table(write_experiment(root) / "results", {"jpu": 0.0, "dilated": 0.2, "none": 12.0})
    write_table(root / "upsampling" / "results" / "single", {"fpn": 20.0}, seeds=1, protocol="full")
    (root / "speed").mkdir()
    (root / "speed" / "benchmark.json").write_text(json.dumps(BENCHMARK))
    return root


def latency(model: str) -> dict[str, Any]:
    return {"file": "speed/benchmark.json", "where": {"model": model, "path": "fast"}, "key": "latency_ms.median"}


def rows(row: str, than: str, **changes: str) -> dict[str, str]:
    return {
        "experiment": "upsampling",
        "data": "shapes",
        "split": "val",
        "protocol": "ss",
        "row": row,
        "than": than,
    } | changes


RATIO = {"ratio": {"of": latency("b"), "to": latency("a")}}  # 3, from 24 / 12 to 36 / 9


@pytest.mark.parametrize(
    ("claim", "verdict", "evidence"),
    [
        ({**RATIO, "at_least": 2}, "confirmed", "3 (2 to 4); speed/benchmark.json"),
        ({**RATIO, "at_least": 2.5}, "undecided", "3 (2 to 4)"),
        ({**RATIO, "at_least": 3.5}, "undecided", "3 (2 to 4)"),
        ({**RATIO, "at_most": 2.5}, "undecided", "3 (2 to 4)"),
        ({**RATIO, "at_least": 4.1}, "refuted", "3 (2 to 4)"),
        ({**RATIO, "at_most": 1.9}, "refuted", "3 (2 to 4)"),
        ({**RATIO, "at_least": 2, "at_most": 4}, "confirmed", "3 (2 to 4)"),
        ({"figure": {**latency("a"), "key": "parameters", "times": 0.5}, "at_most": 2.5}, "confirmed", "2.5; speed"),
        ({"figure": {**latency("a"), "key": "parameters"}, "at_most": 4.9}, "refuted", "5; speed"),
        ({"figure": {**latency("a"), "key": "flops"}, "at_least": 1}, "undecided", "has no number flops"),
        ({"figure": {**latency("c"), "key": "flops"}, "at_least": 1}, "undecided", "has 0 entries"),
        (
            {"figure": {"file": "speed/gone.json", "key": "a"}, "at_least": 1},
            "undecided",
            "speed/gone.json is not there",
        ),
        ({"rows": rows("jpu", "none"), "at_least": 0}, "confirmed", "; upsampling/results"),
        ({"rows": rows("none", "jpu"), "at_least": 0}, "refuted", "; upsampling/results"),
        ({"rows": rows("dilated", "jpu"), "at_least": -9}, "confirmed", "; upsampling/results"),
        ({"rows": rows("dilated", "jpu"), "at_least": 0}, "undecided", "; upsampling/results"),
        ({"rows": rows("jpu", "fpn"), "at_least": 0}, "undecided", "no result of fpn"),
        ({"rows": rows("jpu", "none", split="test"), "at_least": 0}, "undecided", "has no table of shapes test ss"),
    ],
)
def test_a_claim_is_decided_by_its_whole_range(claim: dict, verdict: str, evidence: str, folder: Path) -> None:
    found = decide(Claim.model_validate({"says": "It is so", "source": "README.md", **claim}), folder)
    assert (found.verdict, evidence in found.evidence) == (verdict, True), found.evidence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims: [{says: a, source: b, at_least: 1}]", "'a' needs one of rows, ratio and figure"),
        ("claims: [{says: a, source: b, figure: {file: a.json, key: b}}]", "'a' needs at_least or at_most"),
        ("claims: [{says: a, source: b, figure: {file: ../a.json, key: b}, at_least: 1}]", "claims.0.figure.file"),
        ("claims: [{says: a, source: b, figure: {file: a.json, kex: b}, at_least: 1}]", "lacks claims.0.figure.key"),
        ("claims: [", "is no YAML"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"claims\.yaml") as refused:
        read_claims(tmp_path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_suites_own_claims(capsys: pytest.CaptureFixture[str]) -> None:
    claims = read_claims(EXPERIMENTS)
    assert len(claims) >= 12
    script.main(["claims"])
    shown = capsys.readouterr().out
    assert all(claim.says in shown for claim in claims)
    ours = [each for each in decide_all(claims, EXPERIMENTS) if not each.claim.source.startswith("arXiv")]
    assert [each.claim.says for each in ours if each.verdict != "confirmed"] == []  # what we say of ourselves holds
