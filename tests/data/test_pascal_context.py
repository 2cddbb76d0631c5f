"""PASCAL Context: two published forms, two numbers of classes."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from fastfcn.data.pascal_context import CATEGORY_IDS, CLASSES, MASKS, MERGED, PascalContext
from tests.data.miniature import write_archive
from tests.data.region_miniatures import context59, context_masks
from tests.data.serving import serving
from tests.data.test_public import require_masks


def test_the_second_form_of_pascal_context_gives_the_same_masks(
    tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    miniature = context59(tmp_path).publish(monkeypatch)
    root = tmp_path / "data"
    (root / "trainval").mkdir(parents=True)
    (tmp_path / "VOCtrainval_03-May-2010.tar").rename(root / "VOCtrainval_03-May-2010.tar")
    ids = np.array([1, *CATEGORY_IDS], np.uint16)  # 1 is accordion, none of the 59
    for name, mask in context_masks().items():
        scipy.io.savemat(root / "trainval" / f"{name}.mat", {"LabelMap": ids[mask]})
    numbered = dict(zip(CATEGORY_IDS, CLASSES, strict=True))
    all_names = [numbered.get(number, f"other {number}") for number in range(1, 460)]
    (root / "labels.txt").write_text("".join(f"{number}: {name}\n" for number, name in enumerate(all_names, 1)))
    theirs = {"table": "diningtable", "bedclothes": "bedcloth", "cloth": "clothes", "tvmonitor": "tv monitor"}
    names = [theirs.get(name, name) for name in reversed(CLASSES)]  # an order of their own
    (root / "59_labels.txt").write_text("".join(f"{number}: {name}\n" for number, name in enumerate(names, 1)))
    script("prepare_data", "data=pascal_context", f"data.root={root}", "workers=1")
    require_masks(PascalContext(root=str(root)), miniature)
    first = {path.name: path.read_bytes() for path in (root / MASKS).iterdir()}
    (root / "labels.txt").unlink()
    for path in (root / MASKS).iterdir():
        path.unlink()
    script("prepare_data", "data=pascal_context60", f"data.root={root}", "workers=1")
    assert {path.name: path.read_bytes() for path in (root / MASKS).iterdir()} == first


def test_59_labels_that_are_others_are_refused(tmp_path: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    context59(tmp_path).publish(monkeypatch)
    root = tmp_path / "data"
    (root / "trainval").mkdir(parents=True)
    (tmp_path / "VOCtrainval_03-May-2010.tar").rename(root / "VOCtrainval_03-May-2010.tar")
    (root / "59_labels.txt").write_text("1: zebra\n")
    line = fails("prepare_data", "data=pascal_context", f"data.root={root}")
    assert "59_labels.txt does not name the 59 classes: it differs in aeroplane, bag" in line


def test_background_is_ignored_or_the_first_class() -> None:
    without, within = PascalContext(), PascalContext(background=True)
    raw = np.array([[0, 1, 59]], np.uint8)
    assert without.labels.apply(raw).tolist() == [[255, 0, 58]]
    assert within.labels.apply(raw).tolist() == [[0, 1, 59]]
    assert (len(without.classes), len(within.classes)) == (59, 60)
    assert within.classes[1:] == without.classes
    assert within.palette[1:] == without.palette
    assert (without.name, within.name) == ("pascal_context", "pascal_context60")


def test_a_damaged_annotation_is_named(tmp_path: Path, fails, script, monkeypatch: pytest.MonkeyPatch) -> None:
    miniature, root = context59(tmp_path), tmp_path / "data"
    whole = miniature.files[MERGED.name][MERGED.name]
    broken = json.loads(whole)
    broken["annos_segmentation"][3]["segmentation"]["counts"] = [5]
    write_archive(tmp_path / MERGED.name, {MERGED.name: json.dumps(broken).encode()})
    miniature.publish(monkeypatch)
    options = ("data=pascal_context", f"data.root={root}", "workers=1")
    with serving(tmp_path) as server:
        line = fails("prepare_data", *options, f"url={server.url}")
        name = "trainval_merged.json, image a4"
        assert f"{name}: a segmentation is neither polygons nor run lengths of 48x36 pixels" in line
        assert not (root / MASKS / "train.txt").exists(), "no later run takes the conversion for whole"
        (root / MERGED).write_bytes(whole)
        script("prepare_data", *options, f"url={server.url}")
    require_masks(PascalContext(root=str(root)), miniature)
