"""Offline runs that someone made to do harm, or a disk has damaged, beside one that is sound."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fastfcn.tracking.identity import last_id
from fastfcn.tracking.keys import IMAGES, RESUMED_AT, STEP
from fastfcn.tracking.tensorboard import Exporter
from fastfcn.tracking.view import printable
from tests.attack.limits import entries, within_limits
from tests.tracking.crafted import exit_record, framed, history_record, run_record, write_fragment

PALETTE = {"palette": ["#000000", "#ffffff"], "classes": ["a", "b"]}


def write(folder: Path, *records: bytes) -> Path:
    return write_fragment(folder, records, run_id="bad")


def raw(content: bytes) -> Callable[[Path], object]:
    """Write a file as it stands."""

    def make(folder: Path) -> None:
        write(folder).write_bytes(content)

    return make


def rows(*given: dict[str, object], config: dict[str, object] | None = None) -> Callable[[Path], object]:
    """Write a run of these rows, which ends well."""
    return lambda folder: write(
        folder, run_record("bad", name="bad", config=config or {}), *map(history_record, given), exit_record()
    )


def shown(file: str, **changes: object) -> dict[str, object]:
    masks = {"prediction": {"path": "m.png"}, "truth": {"path": "m.png"}}
    return {STEP: 0, IMAGES: {"filenames": [file], "captions": ["a"], "all_masks": [masks], **changes}}


def media(file: str, **changes: object) -> Callable[[Path], object]:
    """Write a run with a picture of that name, and a sound mask."""

    def make(folder: Path) -> None:
        Image.new("RGB", (8, 8)).save(folder / "secret.png")
        path = write(folder, run_record("bad", name="bad", config=PALETTE), history_record(shown(file, **changes)))
        files = path.parent / "files"
        files.mkdir()
        Image.new("L", (8, 8)).save(files / "m.png")
        (files / "text.png").write_text("no picture")
        (files / "bomb.png").write_bytes(bomb())
        (files / "link.png").symlink_to(folder / "secret.png")
        os.mkfifo(files / "pipe.png")

    return make


def bomb() -> bytes:
    """A PNG of 100,000 x 100,000 pixels, as its header says."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def pipe(folder: Path) -> None:
    path = write(folder)
    path.unlink()
    os.mkfifo(path)


def device(folder: Path) -> None:
    path = write(folder)
    path.unlink()
    path.symlink_to("/dev/zero")


def loop(folder: Path) -> None:
    path = write(folder)
    path.unlink()
    path.symlink_to(path)


def huge(folder: Path) -> None:
    with write(folder, run_record("bad")).open("ab") as file:
        file.truncate(10**12)  # of holes


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


NO_RECORD, NESTED = "a record that is none of W&B's", "nested more than 16 deep"
STEPS = ("x", [1], {"b": 1}, -1, 2**70, 1.5, True, None)
START = run_record("bad", name="bad")
HOSTILE: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    # what it is: how it is made, what is said of it
    "another file": (raw(b"something else"), ["is no file of W&B"]),
    "zeros": (raw(bytes(100_000)), ["is no file of W&B"]),
    "a record that is none": (raw(framed(b"\xff" * 100)), [NO_RECORD]),
    "a varint without end": (raw(framed(START, b"\x0a" + b"\xff" * 20)), [NO_RECORD]),
    "a length beyond the record": (raw(framed(START, b"\x82\x01\xff\xff\xff\xff\x07")), [NO_RECORD]),
    "a record of 20 MB": (raw(framed(START, b"\0" * 20_000_000)), ["a record of more than 16 MB"]),
    "a file of a terabyte": (huge, ["is larger than 500 MB"]),
    "millions of empty pieces": (raw(framed(START) + struct.pack("<IHB", zlib.crc32(b"\1"), 0, 1) * 2_000_000), []),
    "a wrong checksum": (raw(framed(START)[:-1] + b"\0"), []),
    "a pipe": (pipe, ["is no regular file"]),
    "a device": (device, ["is no regular file"]),
    "a link to itself": (loop, ["Too many levels of symbolic links"]),
    "text that is no JSON": (rows({STEP: 0, "a": b"{"}), ["is damaged: "]),
    "an integer of 10,000 digits": (rows({"a": b"9" * 10_000}), ["is damaged: "]),
    "values 10,000 deep": (rows({"a": deep(10_000)}), [NESTED]),
    "values 100 deep": (rows({"a": deep(100)}), [NESTED]),
    "a configuration 100 deep": (rows(config={"a": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}), [NESTED]),
    "five million empty lists": (rows({"a": b"[" + b"[]," * 5_000_000 + b"[]]"}), ["more than 4,000,000 values"]),
    "steps that are none": (rows(*({STEP: step, "_timestamp": step, "a": step} for step in STEPS)), []),
    "numbers beyond all": (rows({STEP: 1, "a": 10**400, "b": b"1e308", "c": b"Infinity", "d": b"NaN"}), []),
    "a restart that never was": (rows({STEP: 0, "a": 1}, config={RESUMED_AT: "x"}), []),
    "classes and colours that are none": (rows(shown("m.png"), config={"classes": 5, "palette": 7}), ["no palette"]),
    "colours that are none": (rows(shown("m.png"), config={"palette": ["#gg0000"]}), ["holds no palette"]),
    "a picture outside, by dots": (media("../../../../secret.png"), ["is in none of"]),
    "a picture outside, by its path": (media("/etc/hostname"), ["is in none of"]),
    "a picture outside, by a link": (media("link.png"), ["is in none of"]),
    "a picture with a zero in its name": (media("a\0b"), ["is in none of"]),
    "a picture that is text": (media("text.png"), ["is no sound picture"]),
    "a picture that is a pipe": (media("pipe.png"), ["is in none of"]),
    "a picture of 10^10 pixels": (media("bomb.png"), ["is no sound picture"]),
    "a picture of another size than its mask": (media("m.png", captions=[]), ["argument"]),
    "pictures of other types": (media("m.png", filenames=5), ["not described as W&B does"]),
    "masks of other types": (media("m.png", all_masks=[{"truth": 3}]), ["not described as W&B does"]),
    "a name with dots": (lambda folder: write(folder, run_record("bad", name="../../x", group="..")), []),
    "a name that is a path": (lambda folder: write(folder, run_record("bad", name="/tmp/fastfcn-x", group="/")), []),
    "a name with a zero": (lambda folder: write(folder, run_record("bad", name="a\0b", group="\x1b[2J")), []),
    "a name of 100,000 letters": (lambda folder: write(folder, run_record("bad", name="\u4e00" * 100_000)), []),
    "the name and id of another": (lambda folder: write(folder, run_record("../abc", name="good")), []),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_it_costs_one_line_and_no_other_run(case: str, tmp_path: Path) -> None:
    make, said = HOSTILE[case]
    runs, out = tmp_path / "a" / "b" / "runs", tmp_path / "a" / "b" / "view"
    sound = [run_record("good", name="good"), history_record({STEP: 0, "loss": 1.0}), exit_record()]
    write_fragment(runs / "good", sound, run_id="good")
    (runs / "bad").mkdir()
    make(runs / "bad")
    outside = entries(tmp_path) | entries(Path("/tmp").joinpath("fastfcn-x"))
    exporter = Exporter((runs,), out)
    with within_limits():
        exporter.update()
        exporter.update()  # what has not changed is not looked at again
    exporter.close()
    assert len(exporter.left_out) == len(said)
    for line, words in zip(exporter.left_out, said, strict=True):
        assert words in line
        assert "\n" not in printable(line)
    assert any(name.startswith("good") for name in exporter.names)
    new = (entries(tmp_path) | entries(Path("/tmp").joinpath("fastfcn-x"))) - outside
    assert {path for path in new if path != out and not path.is_relative_to(out)} == set()
    folders = {path.parent.relative_to(out) for path in out.rglob("events.*")}
    assert len(folders) == len(set(exporter.names)) == len(exporter.names)
    assert all(name.isprintable() for name in exporter.names)


@pytest.mark.parametrize("name", ["run-a b.wandb", "run-a:b.wandb", f"run-{'a' * 200}.wandb", "run-.wandb"])
def test_an_id_that_wandb_refuses_is_not_taken_from_a_file(name: str, tmp_path: Path) -> None:
    path = write_fragment(tmp_path, [run_record("abc")])
    bad = path.parent.parent / "offline-run-20270101_120000-x" / name
    bad.parent.mkdir()
    bad.touch()
    assert last_id(tmp_path) == "abc"
