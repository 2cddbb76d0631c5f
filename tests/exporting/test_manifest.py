"""What a file says of itself."""

import json
from typing import Any

import pytest

from fastfcn.exporting.manifest import MOST_CHARACTERS, read_manifest
from tests.exporting.examples import manifest


def test_what_was_written_is_read() -> None:
    written = manifest(size=(480, 360), batch=2, outputs="labels")
    assert read_manifest(written.model_dump_json(), "a file") == written
    assert written.sizes == {"crop_size": 64}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classes", ["sky", "road"], "palette has 3 colours for 2 classes"),
        ("classes", ["sky", "road", "\x1b[2J"], "classes.2"),
        ("palette", [[1, 2, 3]] * 2 + [[1, 2, 256]], "palette.2.2"),
        ("mean", [0.5, 0.5], "mean has 2 values, std 3"),
        ("size", [0, 5], "size"),
        ("size", [2**40, 5], "size"),
        ("batch", 0, "batch"),
        ("outputs", "code", "outputs"),
        ("checkpoint", "../../etc", "checkpoint"),
        ("format", "fastfcn-export-9", "format"),
        ("root", "/home", "root"),
        ("gflops", "1", "gflops"),
    ],
)
def test_anything_else_is_refused_in_one_line(key: str, value: Any, message: str) -> None:
    content = {**json.loads(manifest().model_dump_json()), key: value}
    with pytest.raises(ValueError, match=f"a file does not describe itself as export.py does: .*{message}") as error:
        read_manifest(json.dumps(content), "a file")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "was not made by export"), ("[" * 1000, "does not describe"), ("x" * (MOST_CHARACTERS + 1), "characters")],
)
def test_what_is_no_manifest_is_refused(text: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=f"a file .*{message}"):
        read_manifest(text, "a file")
