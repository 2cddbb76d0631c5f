"""Names are printed as they are."""

import io
import sys

import absl.logging
import pytest
import torch

from fastfcn.console import print_whatever_comes
from fastfcn.evaluation.printing import print_scores
from fastfcn.metrics import SegmentationScores


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


def test_a_library_that_closes_its_log_closes_no_file_of_pytest(capfd: pytest.CaptureFixture[str]) -> None:
    handler = absl.logging.get_absl_handler().python_handler
    handler.close()  # as logging does where it is set up anew, here with another sys.stderr than at its import
    assert not handler.stream.closed
