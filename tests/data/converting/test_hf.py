"""Hugging Face datasets on disk, which other people's programs wrote and none of which is run."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.folder import Folder
from tests.data.converting.exports import converted, grid, masks_of

arrow = pytest.importorskip("pyarrow", reason="an extra: pip install '.[hf]'")
parquet = pytest.importorskip("pyarrow.parquet")


def picture(values: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def rows(count: int) -> list[dict[str, object]]:
    photograph = picture(np.full((8, 12, 3), 90, np.uint8), "JPEG")
    return [
        {"image": {"bytes": photograph, "path": None}, "label": {"bytes": picture(grid()), "path": "../../x"}}
        for _ in range(count)
    ]


def write(root: Path, *, named: bool = True, kind: str = "parquet", **splits: list[dict[str, object]]) -> Path:

    (root / "data").mkdir(parents=True)
    for split, content in splits.items():
        table = arrow.Table.from_pylist(content)
        if kind == "parquet":
            parquet.write_table(table, root / "data" / f"{split}-00000-of-00001.parquet")
        else:
            with arrow.ipc.new_stream(str(root / "data" / f"{split}-00000.arrow"), table.schema) as writer:
                writer.write_table(table)
    if named:
        (root / "id2label.json").write_text(json.dumps({"0": "ground", "1": "water"}))
    return root


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_dataset_is_read(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "hf", kind=kind, train=rows(2), validation=rows(1))
    (source / "load.py").write_text("raise SystemExit")
    result = converted("hf", source, tmp_path / "out")
    data = Folder(root=str(tmp_path / "out"))
    assert data.classes == ("ground", "water")
    assert [len(data.split(split)) for split in ("train", "val")] == [2, 1]
    for found in masks_of(tmp_path / "out").values():
        np.testing.assert_array_equal(found, grid())
    assert any("not run: load.py" in each for each in result.warnings)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/*/*")}
    converted("hf", source, tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/*/*")}


def labelled(content: bytes) -> list[dict[str, object]]:
    return [{**row, "label": {"bytes": content, "path": ""}} for row in rows(2)]


BARE = [{"image": row["image"]} for row in rows(2)]
FAULTS = {
    "no names": ({"named": False, "train": labelled(picture(grid(inside=9)))}, {}, "need names for their classes"),
    "no column": ({"train": BARE}, {}, "no column of annotations: there are image"),
    "another column": ({"train": rows(1)}, {"image": "photo"}, "no column of images: there are image, label"),
    "no picture": ({"train": labelled(b"text")}, {}, "row 0: masks hold no picture"),
    "an unknown value": ({"train": labelled(picture(grid(inside=7)))}, {}, "1 values without a class: 7"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told(tmp_path: Path, fault: str) -> None:
    content, options, told = FAULTS[fault]
    with pytest.raises(ValueError, match=told):
        converted("hf", write(tmp_path / "hf", **content), tmp_path / "out", **options)
    assert not (tmp_path / "out/classes.txt").exists()


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "hf", train=rows(2))
    path = next(source.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"train-00000-of-00001\.parquet"):
        converted("hf", source, tmp_path / "out")
