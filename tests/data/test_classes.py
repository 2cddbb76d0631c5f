"""Class names, as editors and labelling tools write them."""

from pathlib import Path

import pytest

from fastfcn.composition import build, plain
from fastfcn.data.classes import labelme_note, read_classes, require_class_names
from fastfcn.data.opening import build_data
from tests.data.miniatures import MINIATURES
from tests.data.test_folder import write_dataset

NAMES = ("straße", "天空", "sign symbol")
TEXT = "straße\r\n天空\r\nsign symbol\r\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"),
        TEXT.replace("\r\n", "\r").encode(),
        "  straße \n天空\t\nsign symbol\n\n \n".encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "old mac", "spaces and empty lines at the end"],
)
def test_names_are_read_however_they_were_saved(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    assert read_classes(tmp_path / "classes.txt") == NAMES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("wood\nstraße\n".encode("latin-1"), r"classes.txt is not UTF-8 text \(byte 9, in line 2\); save it as UTF-8"),
        ("road\nsky\n".encode("utf-16-le"), r"classes.txt is not UTF-8 text \(it holds zero bytes\)"),
        (b"\xff\xferoad\n", r"classes.txt is not UTF-8 text"),
        (b"road\n\nsky\n", r"line 2 of .*classes.txt is empty, and the lines after it would be other classes"),
    ],
)
def test_what_cannot_be_read_names_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_classes(tmp_path / "classes.txt")


def test_labelmes_list_begins_with_what_is_no_class(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("__ignore__\n_background_\nroad\n")
    assert read_classes(path) == ("_background_", "road")
    assert "__ignore__ is no class but 255 in masks, and the next line is class 0" in str(labelme_note(path))
    path.write_text("background\nroad\n")
    assert labelme_note(path) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("road", "sky", "road"), "classes 0 and 2 of data=mine are both called 'road'"),
        (("caf\u00e9", "cafe\u0301"), "classes 0 and 1 of data=mine are both called"),
        (("road", " "), "class 1 of data=mine is called ' '"),
        (("road", "sky\x1b[31m"), "give it a name that can be read"),
        (("road", "s" * 201), r"of class 1 of data=mine, s{30}\.\.\., has 201 characters; it may have 200"),
    ],
)
def test_names_that_cannot_be_told_apart_or_shown(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_class_names(names, "mine")


def test_every_way_to_open_data_refuses_a_repeated_name(tmp_path: Path, fails, trained: Path) -> None:
    root = write_dataset(tmp_path / "mine", classes="road\nsky\nroad\n")
    told = "classes 0 and 2 of data=folder are both called 'road'; give each a name of its own"
    data = ("data=folder", f"data.root={root}")
    assert told in fails("prepare_data", *data, "verify=true")
    assert told in fails("train", "model=fcn_jpu", *data, f"hydra.run.dir={tmp_path}/run")
    checkpoint = f"checkpoint={trained}/checkpoints/last.ckpt"
    assert told in fails("evaluate", checkpoint, *data, f"hydra.run.dir={tmp_path}/evaluated")
    assert told in fails("train", "model=fcn_jpu", *data, "data.classes=[road,sky,road]", f"hydra.run.dir={tmp_path}/r")


@pytest.mark.parametrize("name", [*MINIATURES, "camvid", "shapes"])
def test_the_suites_own_classes_have_names_of_their_own(name: str, composed, tmp_path: Path) -> None:
    root = () if name == "shapes" else (f"data.root={tmp_path}",)
    node = plain(composed(f"data={name}", *root).data)
    assert build_data(node).classes == build(node, "data").classes
