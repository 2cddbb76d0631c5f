"""The zip that a test server takes."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.evaluation.submission import open_submission


def test_labels_begin_at_one_under_the_images_name(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [148, 149]], np.uint8)
    submission = open_submission("ade20k", tmp_path / "out", 150)
    submission.add("ADE_test_00000001", labels)
    assert not (tmp_path / "out" / "submission.zip").exists()
    submission.close()
    with zipfile.ZipFile(tmp_path / "out" / "submission.zip") as archive:
        assert archive.namelist() == ["ADE_test_00000001.png"]
        picture = Image.open(io.BytesIO(archive.read("ADE_test_00000001.png")))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.array(picture), labels + 1)


def test_other_networks_and_servers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a network of 150 classes, this one has 12"):
        open_submission("ade20k", tmp_path, 12)
    with pytest.raises(ValueError, match="submission must be null or ade20k, got voc"):
        open_submission("voc", tmp_path, 21)
