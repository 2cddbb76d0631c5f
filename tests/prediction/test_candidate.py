"""What the page to try a network on says of an image, without the page."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fastfcn.checkpoints import read_checkpoint
from fastfcn.evaluation.protocols import FullImage
from fastfcn.prediction.candidate import Candidate, Seen, heat
from fastfcn.prediction.maps import Unknown
from fastfcn.prediction.predictor import open_predictor, segment

LABELS = np.array([[2, 2, 0], [2, 2, 0]], np.uint8)
CONFIDENCE = np.array([[1, 0.5, 0.25], [1, 0.5, 0.75]], np.float32)


@pytest.fixture
def candidate(trained: Path) -> Candidate:
    checkpoint = read_checkpoint(trained / "checkpoints" / "best.ckpt")
    predictor = open_predictor(
        checkpoint, FullImage(), device="cpu", temperature=1.0, unknown=Unknown("confidence", None),
        precision="32-true", optimize=False,
    )  # fmt: skip
    return Candidate("a", checkpoint.description.classes, checkpoint.description.palette, predictor)


def test_the_classes_seen_are_those_predicted(candidate: Candidate) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    seen = candidate.see(image)
    np.testing.assert_array_equal(seen.labels, segment(candidate.predictor.network, FullImage(), image))
    assert seen.confidence.shape == (40, 50)
    assert 1 / len(candidate.classes) <= seen.confidence.min() <= seen.confidence.max() <= 1


def test_a_legend_has_the_classes_by_their_area(candidate: Candidate) -> None:
    classes = ("<b>&sky", "road", "tree")
    page = Candidate("a", classes, ((1, 2, 3), (4, 5, 6), (7, 8, 9)), candidate.predictor)
    rows = re.findall("<tr><td.*?</tr>", page.table(Seen(LABELS, CONFIDENCE)))
    assert [re.findall("rgb\\((.+?)\\)|<td[^>]*>([^<]+)</td>", row) for row in rows] == [
        [("7,8,9", ""), ("", "tree"), ("", "66.7 %"), ("", "0.75")],
        [("1,2,3", ""), ("", "&lt;b&gt;&amp;sky"), ("", "33.3 %"), ("", "0.50")],
    ]


def test_an_overlay_takes_its_opacity(candidate: Candidate) -> None:
    image = np.full((2, 3, 3), 200, np.uint8)
    seen = Seen(LABELS, CONFIDENCE)
    np.testing.assert_array_equal(candidate.overlay(image, seen, 0.0), image)
    np.testing.assert_array_equal(candidate.overlay(image, seen, 1.0)[0, 0], candidate.palette[2])


def test_confidence_runs_from_violet_to_yellow() -> None:
    low, high = heat(np.array([[0.0, 1.0]], np.float32))[0]
    assert low.tolist() == [68, 1, 84]
    assert high.tolist() == [253, 231, 36]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("examples=null", "demo.py needs the package gradio: pip install -c constraints.txt -e '.[demo]'"),
        ("port=0", "port must be between 1 and 65535, got 0"),
        ("opacity=2", "opacity must be between 0 and 1, got 2"),
        ("+batch=1", "batch is not an option; allowed: checkpoint, checkpoint2,"),
    ],
)
def test_mistakes_of_the_page_are_one_line(
    option: str, message: str, trained: Path, fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert message in fails("demo", f"checkpoint={trained}/checkpoints/best.ckpt", option)
