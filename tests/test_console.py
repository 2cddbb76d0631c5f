"""Names are printed as they are."""

import io
import sys

import pytest
import torch

from fastfcn.console import print_whatever_comes
from fastfcn.metrics import SegmentationScores
from fastfcn.reporting.tables import print_scores


def test_class_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("[/b]", "[red]roof[/red]", ":car:")
    scores = SegmentationScores(3)
    scores.update(torch.tensor([[[0, 1, 2]]]), torch.tensor([[[0, 1, 1]]]))
    print_scores(scores.scores(), names, title="data [/i] val")
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*names, "data [/i] val"))


def test_a_terminal_that_lacks_a_letter_shows_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_whatever_comes()
    print("\u5929", flush=True)
    assert stream.buffer.getvalue() == b"\\u5929\n"
