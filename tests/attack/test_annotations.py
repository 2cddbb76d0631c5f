"""Annotations of strangers: JSON, MATLAB files and lists, each field as it should not be."""

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from pycocotools import mask as coco

from fastfcn.data.coco_voc import COCOVOC
from fastfcn.data.pascal_context import LABELS_59, MATLAB, MERGED, PascalContext
from fastfcn.data.preparing.matlab import read_label_map
from fastfcn.data.preparing.regions import decode
from fastfcn.data.voc_aug import SBD, VOCAug
from tests.attack.bounded import files_in, refusal
from tests.data.miniature import HEIGHT, WIDTH
from tests.data.region_miniatures import compressed, context_json, rectangle

COUNTS = str(compressed(rectangle(3, 5, 30, 40))["counts"])
SIZE = [HEIGHT, WIDTH]
SEGMENTATIONS: dict[str, Any] = {
    "corners far away": [[0, 0, 1e9, 0, 1e9, 1e9]],
    "a small polygon far away": [[1e9, 1e9, 1e9 + 5, 1e9, 1e9 + 5, 1e9 + 5]],
    "corners far below": [[0, 0, -1e9, 0, 5, 1e300]],
    "corners that are NaN": [[0, 0, float("nan"), 0, 5, 5]],
    "infinite corners": [[0, 0, float("inf"), 0, 5, 5]],
    "an integer of 400 digits": [[0, 0, 10**400, 0, 5, 5]],
    "text for a corner": [[0, 0, "5", 0, 5, 5]],
    "no number for a corner": [[0, 0, None, 0, 5, 5]],
    "truth for a corner": [[0, 0, True, 0, 5, 5]],
    "lists for corners": [[[0, 0], [1, 1], [2, 0]]],
    "half a corner": [[0, 0, 5, 0, 5, 5, 7]],
    "edges without end": [[0, 0, 40, 36] * 20_000],
    "an empty polygon": [[]],
    "no polygon": [],
    "a box": [[1, 2, 3, 4]],
    "numbers": [1, 2, 3, 4, 5, 6],
    "text": "segmentation",
    "nothing": None,
    "a number": 7,
    "deep lists": json.loads("[" * 50 + "]" * 50),
    "negative runs": {"size": SIZE, "counts": [HEIGHT * WIDTH + 5, -5]},
    "runs that are too long": {"size": SIZE, "counts": [10**12]},
    "runs beyond 64 bits": {"size": SIZE, "counts": [2**70, 5]},
    "runs that are too short": {"size": SIZE, "counts": [5]},
    "runs of halves": {"size": SIZE, "counts": [0.5, HEIGHT * WIDTH - 0.5]},
    "text for runs": {"size": SIZE, "counts": ["5"]},
    "no runs": {"size": SIZE, "counts": None},
    "runs of another size": {"size": [WIDTH, HEIGHT], "counts": [HEIGHT * WIDTH]},
    "a size of billions": {"size": [10**9, 10**9], "counts": COUNTS},
    "a size that is text": {"size": "36", "counts": COUNTS},
    "packed runs, cut": {"size": SIZE, "counts": COUNTS[:-1]},
    "packed runs, doubled": {"size": SIZE, "counts": COUNTS * 2},
    "packed runs without end": {"size": SIZE, "counts": "o" * 100_000},
    "packed runs of zeros": {"size": SIZE, "counts": "0" * 1_000_000},
    "packed runs of other letters": {"size": SIZE, "counts": "straße\0\x1b"},
    "packed runs below zero": {"size": SIZE, "counts": "O" * 40},
}


@pytest.mark.parametrize("attack", SEGMENTATIONS)
def test_segmentations(attack: str) -> None:
    line = refusal(lambda: decode(SEGMENTATIONS[attack], HEIGHT, WIDTH), most=200 << 20)
    assert "is neither polygons nor run lengths of 48x36 pixels" in line


def test_sound_segmentations_are_what_pycocotools_reads() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        corners = [(rng.random(2 * rng.integers(3, 12)) * 60 - 10).round(2).tolist() for _ in range(rng.integers(1, 4))]
        theirs = coco.decode(coco.merge(coco.frPyObjects(corners, HEIGHT, WIDTH)))
        np.testing.assert_array_equal(decode(corners, HEIGHT, WIDTH), theirs)
        packed = coco.encode(np.asfortranarray(rng.random((HEIGHT, WIDTH)) < rng.random()).astype(np.uint8))
        text = {"size": SIZE, "counts": packed["counts"].decode()}
        np.testing.assert_array_equal(decode(text, HEIGHT, WIDTH), coco.decode(packed))


def test_random_text_for_runs_is_refused_or_fills_the_image() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3000):
        changed = list(COUNTS)
        changed[rng.integers(len(changed))] = chr(rng.integers(0, 130))
        try:
            assert decode({"size": SIZE, "counts": "".join(changed)}, HEIGHT, WIDTH).shape == (HEIGHT, WIDTH)
        except ValueError as error:
            assert "neither polygons nor run lengths" in str(error)  # noqa: PT017 - it may also be sound


Change = Callable[[dict[str, Any]], None]


def put(place: str, value: Any) -> Change:
    """Change one field, such as images.0.height."""

    def change(content: dict[str, Any]) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        for key in parents:
            content = content[key]  # type: ignore[index,assignment]
        content[last] = value  # type: ignore[index]

    return change


FIELDS = {
    f"{place}={str(value)[:20]}": (put(place, value), place)
    for place, values in {
        "images": (None, {}, [7], ["image"]),
        "annos_segmentation": ("none", [[]]),
        "categories": (None, [{"id": 1}]),
        "images.0.height": ("36", -1, 0, 10**9, 36.5, None, True, [36]),
        "images.0.width": (10**30, {}),
        "images.0.file_name": (7, None, ["a.jpg"]),
        "images.0.phase": (None, 1),
        "images.0.image_id": ([1], None, {"a": 1}),
        "annos_segmentation.0.image_id": ([], None),
        "annos_segmentation.0.category_id": ("44", 1.5, None, 2**80),
        "categories.0.name": (None, 7),
    }.items()
    for value in values
}
NAMES = ("../../evil.jpg", "/tmp/evil.jpg", "..", "", "a\0b.jpg", "a\nb.jpg", "C:evil.jpg", "a\\b.jpg", "n" * 300)


def root_with(path: Path, content: bytes) -> PascalContext:
    path.mkdir(exist_ok=True)
    (path / MERGED).parent.mkdir(parents=True, exist_ok=True)
    (path / MERGED).write_bytes(content)
    return PascalContext(root=str(path))


@pytest.mark.parametrize("attack", FIELDS)
def test_fields_of_trainval_merged(attack: str, tmp_path: Path) -> None:
    change, place = FIELDS[attack]
    content = json.loads(context_json())
    change(content)
    data = root_with(tmp_path / "root", json.dumps(content).encode())
    line = refusal(lambda: data.convert(1))
    assert f"{data.root / MERGED} is not the published file: {place}" in line
    assert files_in(tmp_path) == {f"root/{MERGED}"}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_paths(name: str, tmp_path: Path) -> None:
    content = json.loads(context_json())
    content["images"][0]["file_name"] = name
    data = root_with(tmp_path / "root", json.dumps(content).encode())
    assert f"{data.root / MERGED} names" in refusal(lambda: data.convert(1))
    coco_root = tmp_path / "coco"
    (coco_root / "annotations").mkdir(parents=True)
    image = {"id": 1, "file_name": name, "height": 5, "width": 5}
    text = json.dumps({"images": [image], "annotations": []})
    (coco_root / "annotations/instances_train2017.json").write_text(text)
    assert "instances_train2017.json names" in refusal(lambda: COCOVOC(root=str(coco_root)).convert(1))
    assert len(files_in(tmp_path)) == 2


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "..", "a\x01b", "C:evil", "a\\b", "n" * 300])
def test_lists_of_paths(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "root" / SBD
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text(f"a\n{name}\n")
    (folder / "val.txt").write_text("")
    data = VOCAug(root=str(tmp_path / "root"))
    assert f"{folder}/train.txt names" in refusal(lambda: data.convert(1))
    assert f"{folder}/train.txt names" in refusal(lambda: data.pairs("train"))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"null", b"7", b"{", b'{"images": [', b"\xff\xfe{}", b"{}", b'{"images": {}}', b"[" * 200_000,
        context_json()[:-200], b'{"images":' * 50_000, b'{"images": [' + b"9" * 10_000 + b"]}", b'{"images": [1e999]}',
    ],
    ids=lambda content: str(content[:12]),
)  # fmt: skip
def test_files_that_are_no_annotations(content: bytes, tmp_path: Path) -> None:
    data = root_with(tmp_path / "root", content)
    assert f"{data.root / MERGED} is not the published file" in refusal(lambda: data.convert(1))


def test_a_segmentation_within_a_file_is_named_with_its_image(tmp_path: Path) -> None:
    content = json.loads(context_json())
    content["annos_segmentation"][0]["segmentation"] = [[0, 0, 1e9, 0, 1e9, 1e9]]
    data = root_with(tmp_path / "root", json.dumps(content).encode())
    assert "trainval_merged.json, image a1: a segmentation is neither" in refusal(lambda: data.convert(1))
    assert not (data.root / MERGED.parent / "context" / "train.txt").exists()


def matlab(path: Path, **variables: Any) -> bytes:
    scipy.io.savemat(path, variables)
    return path.read_bytes()


def bomb(path: Path) -> bytes:
    """200 MB of zeros as one compressed variable."""
    content = matlab(path, LabelMap=np.zeros((2, 2), np.uint8))
    packer = zlib.compressobj(1)
    head = np.array([14, 200 << 20], "<u4").tobytes()
    packed = packer.compress(head) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    return content[:128] + np.array([15, len(packed)], "<u4").tobytes() + packed


def dimensions(path: Path) -> bytes:
    """A structure that says it has 4 thousand million elements."""
    content = matlab(path, LabelMap={"a": np.zeros((1, 1))})
    place = content.index(np.array([5, 8, 1, 1], "<i4").tobytes())
    return content[: place + 8] + np.array([65_536, 65_536], "<i4").tobytes() + content[place + 16 :]


MATRICES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "another variable": (lambda path: matlab(path, Other=np.zeros((2, 2))), "holds no LabelMap"),
    "text": (lambda path: matlab(path, LabelMap="text"), "holds no label map"),
    "fractions": (lambda path: matlab(path, LabelMap=np.full((2, 2), 0.5)), "holds no label map"),
    "NaN": (lambda path: matlab(path, LabelMap=np.full((2, 2), np.nan)), "holds no label map"),
    "infinity": (lambda path: matlab(path, LabelMap=np.full((2, 2), np.inf)), "holds no label map"),
    "negative": (lambda path: matlab(path, LabelMap=np.full((2, 2), -1)), "holds no label map"),
    "huge labels": (lambda path: matlab(path, LabelMap=np.full((2, 2), 2**50)), "holds no label map"),
    "complex": (lambda path: matlab(path, LabelMap=np.full((2, 2), 1j)), "holds no label map"),
    "three axes": (lambda path: matlab(path, LabelMap=np.zeros((2, 2, 2))), "holds no label map"),
    "empty matrix": (lambda path: matlab(path, LabelMap=np.zeros((0, 3))), "holds no label map"),
    "cells": (lambda path: matlab(path, LabelMap=np.array([[1], ["a"]], object)), "holds no label map"),
    "a structure": (lambda path: matlab(path, LabelMap={"a": 1}), "holds no label map"),
    "a sparse matrix": (lambda path: matlab(path, LabelMap=scipy.sparse.eye_array(3)), "holds no label map"),
    "a bomb": (bomb, "it holds more than 64 MiB"),
    "many elements": (dimensions, "bad.mat"),
    "of MATLAB 7.3": (
        lambda _: b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(600),
        "cannot be read as a MATLAB file: it does not begin with MATLAB 5.0",
    ),
    "of MATLAB 4": (lambda _: np.array([0, 2**30, 2**30, 0, 9], "<i4").tobytes() + b"LabelMap\0", "cannot be read as"),
    "nothing": (lambda _: b"", "cannot be read as a MATLAB file"),
    "noise": (lambda _: np.random.default_rng(0).bytes(5000), "cannot be read as a MATLAB file"),
    "cut": (lambda path: matlab(path, LabelMap=np.zeros((50, 50)))[:400], "cannot be read as a MATLAB file"),
}


@pytest.mark.parametrize("attack", MATRICES)
def test_matlab_files(attack: str, tmp_path: Path) -> None:
    make, reason = MATRICES[attack]
    path = tmp_path / "bad.mat"
    path.write_bytes(make(path))
    line = refusal(lambda: read_label_map(path, "LabelMap"), most=150 << 20)
    assert str(path) in line
    assert reason in line


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f8", "u8"])
def test_sound_matlab_files_are_what_scipy_reads(tmp_path: Path, kind: str, packed: bool) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "a.mat"
    for shape in ((1, 1), (1, 3), (3, 1), (20, 31)):
        labels = rng.integers(0, 200, shape).astype(kind)
        fields = {"Boundaries": np.array([[1], ["a"]], object), "Segmentation": labels, "CategoriesPresent": [1, 2]}
        scipy.io.savemat(path, {"A": "text", "GTcls": fields, "LabelMap": labels}, do_compression=packed)
        np.testing.assert_array_equal(read_label_map(path, "LabelMap"), scipy.io.loadmat(path)["LabelMap"])
        np.testing.assert_array_equal(read_label_map(path, "GTcls", "Segmentation"), labels)
        with pytest.raises(ValueError, match=r"holds no GTcls.Other"):
            read_label_map(path, "GTcls", "Other")


def test_changed_bytes_of_a_matlab_file(tmp_path: Path) -> None:
    """scipy's reader ends the process on one of these."""
    rng = np.random.default_rng(0)
    path = tmp_path / "a.mat"
    fields = {"Segmentation": rng.integers(0, 20, (20, 30)), "Boundaries": np.array([[1], ["a"]], object)}
    scipy.io.savemat(path, {"GTcls": fields}, do_compression=True)
    for whole in (path.read_bytes(), matlab(path, GTcls=fields)):
        for _ in range(300):
            changed = bytearray(whole)
            for place in rng.integers(100, len(whole), 3):
                changed[place] = rng.integers(256)
            path.write_bytes(changed)
            try:
                read_label_map(path, "GTcls", "Segmentation")
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017 - it may also be sound


def test_a_class_beyond_a_byte_is_not_wrapped(tmp_path: Path) -> None:
    folder = tmp_path / SBD
    (folder / "cls").mkdir(parents=True)
    matlab(folder / "cls/a.mat", GTcls={"Segmentation": np.full((2, 2), 256, np.uint16)})
    for part, names in {"train": "a\n", "val": ""}.items():
        (folder / f"{part}.txt").write_text(names)
    assert "a.mat holds the class 256" in refusal(lambda: VOCAug(root=str(tmp_path)).convert(1))


LABELS = [b"1: stra\xdfe\n", b"\xff\xfe1\0", b"1: a\n" * 3, b"9" * 6000 + b": wall\n", b"\0" * 99]


@pytest.mark.parametrize("content", LABELS)
def test_lists_of_labels(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MATLAB).mkdir()
    (tmp_path / LABELS_59).write_bytes(content)
    assert str(tmp_path / LABELS_59) in refusal(lambda: PascalContext(root=str(tmp_path)).convert(1))


def test_a_pipe_in_place_of_a_file_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mat")
    assert "a.mat" in refusal(lambda: read_label_map(tmp_path / "a.mat", "LabelMap"))
