"""Tensors and numbers of a checkpoint that are not what they should be, and files built against their reader."""

import copy
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.safe_loading import load_plain
from tests.attack.conftest import Mark

WEIGHT, COUNTER = "network.head.reduce.0.weight", "network.head.reduce.1.num_batches_tracked"


def sparse(weight: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(weight).to_sparse()


def quantised(weight: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_tensor(weight.flatten(), 0.1, 0, torch.qint8)


def shared(weight: torch.Tensor) -> torch.Tensor:
    return torch.zeros(1).expand(weight.shape)


WEIGHTS: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "an integer": (lambda _: 7, f"state_dict.{WEIGHT} is int"),
    "nothing": (lambda _: None, f"state_dict.{WEIGHT} is NoneType"),
    "a list": (lambda _: [1.0], f"state_dict.{WEIGHT} is list"),
    "whole numbers": (lambda weight: weight.long(), "of another kind head.reduce.0.weight torch.int64"),
    "complex numbers": (lambda weight: weight.to(torch.complex64), "torch.ComplexFloatStorage"),
    "truth values": (lambda weight: weight > 0, "of another kind head.reduce.0.weight torch.bool"),
    "not a number": (lambda weight: weight * float("nan"), "not finite head.reduce.0.weight"),
    "infinity": (lambda weight: weight + float("inf"), "not finite head.reduce.0.weight"),
    "sparse": (sparse, "torch._utils._rebuild_sparse_tensor, and only dense tensors"),
    "quantised": (quantised, "_rebuild_qtensor, and only dense tensors"),
    "on no device": (lambda weight: weight.to("meta"), "_rebuild_meta_tensor_no_storage, and only dense"),
    "one number everywhere": (shared, f"repeat few values, first {WEIGHT}"),
    "another shape": (lambda weight: weight[:1], "of another shape head.reduce.0.weight"),
    "a single number": (lambda _: torch.tensor(1.0), "of another shape head.reduce.0.weight ()"),
    "no numbers of a large shape": (lambda _: torch.empty(20_000, 0, 3, 3), "of another shape"),
}  # fmt: skip


@pytest.mark.parametrize("attack", WEIGHTS)
def test_weights_of_another_kind_are_named(attack: str, content: dict[str, Any], hostile, refused) -> None:
    replace, message = WEIGHTS[attack]
    path = hostile(lambda content: content["state_dict"].update({WEIGHT: replace(content["state_dict"][WEIGHT])}))
    line = refused(lambda: network_of(read_checkpoint(path)))
    assert str(path) in line
    assert message in line


def swollen(content: dict[str, Any]) -> None:
    """Every weight is the same large one."""
    large = torch.zeros(2_000_000)
    content["state_dict"] = dict.fromkeys(content["state_dict"], large)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a counter that is no whole number": (
        lambda c: c["state_dict"].update({COUNTER: torch.tensor(1.5)}), "of another kind head.reduce.1"),
    "a negative step": (lambda c: c.update(global_step=-1), "global_step must be a whole number from 0"),
    "a step beyond all plans": (lambda c: c.update(global_step=10**12), "global_step must be"),
    "a step that is true": (lambda c: c.update(global_step=True), "global_step must be"),
    "half a step": (lambda c: c.update(global_step=0.5), "global_step must be"),
    "steps": (lambda c: c.update(global_step=torch.zeros(3, 3)), "global_step must be"),
    "no step": (lambda c: c.pop("global_step"), "global_step must be"),
    "weights in a list": (lambda c: c.update(state_dict=[1]), "state_dict is list"),
    "no weights": (lambda c: c.pop("state_dict"), "state_dict is NoneType"),
    "weights under numbers": (lambda c: c["state_dict"].update({5: torch.zeros(1)}), "state_dict.5"),
    "a weight with a name of a million letters": (
        lambda c: c["state_dict"].update({"network." + "a" * 10**6: torch.zeros(1)}), "no named tensor"),
    "tensors that share one memory": (swollen, "repeat few values"),
    "another description": (lambda c: c.update(hyper_parameters=None), "its format is unknown"),
    "no description": (lambda c: c.pop("hyper_parameters"), "is not a checkpoint of this project"),
}  # fmt: skip


@pytest.mark.parametrize("attack", CHANGES)
def test_other_content_that_is_wrong_is_one_line(attack: str, hostile, refused) -> None:
    change, message = CHANGES[attack]
    path = hostile(change)
    line = refused(lambda: network_of(read_checkpoint(path)))
    assert str(path) in line
    assert message in line


def archive(path: Path, pickled: bytes, *, compression: int = zipfile.ZIP_STORED, more: dict[str, bytes] | None = None):
    """A file as torch.save writes it, around a pickle that it would not write."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, member in {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n", **(more or {})}.items():
            file.writestr(f"archive/{name}", member)


def call(name: str, arguments: bytes) -> bytes:
    """A pickle that calls a function on a tuple."""
    module, _, function = name.rpartition(".")
    return b"\x80\x02c" + f"{module}\n{function}\n".encode() + arguments + b"\x85R."


TERABYTE = b"\x8a\x06" + (2**40).to_bytes(6, "little")
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
OVERLONG = (  # a tensor of 2 ** 24 numbers, of which the file holds 16
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE +
    b"J\x00\x00\x00\x01tQK\x00J\x00\x00\x00\x01\x85K\x01\x85"
    b"\x89ccollections\nOrderedDict\n)RtR."
)  # fmt: skip
PICKLES = {
    "a call of os": (call("os.mkdir", b"X\x04\x00\x00\x00mark"), "holds pickled code and is refused: GLOBAL os.mkdir"),
    "a buffer of a terabyte": (call("builtins.bytearray", TERABYTE), "GLOBAL builtins.bytearray"),
    "a tensor of a terabyte": (call("torch.Tensor", TERABYTE), "holds torch.Tensor, and only dense"),
    "a tensor longer than its memory": (OVERLONG, "is truncated or damaged"),
    "a tuple a million deep as a key": (b"\x80\x02})" + b"\x85" * 10**6 + b"K\x01s.", "nested or repeated"),
    "a list a hundred thousand deep": (
        b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "nested or repeated"),
    "two million values": (b"\x80\x02(" + b"N0" * 10**6 + b"t.", "nested or repeated"),
    "an end in the middle": (b"\x80\x02}X\xff\xff\xff\x7fabc", "is truncated or damaged"),
    "a value that was never stored": (b"\x80\x02h\x05.", "is truncated or damaged"),
    "a stack below its end": (b"\x80\x020000.", "is truncated or damaged"),
    "no pickle": (b"hello", "is truncated or damaged"),
}  # fmt: skip


@pytest.mark.parametrize("attack", PICKLES)
def test_pickles_against_their_reader(attack: str, tmp_path: Path, refused) -> None:
    pickled, message = PICKLES[attack]
    archive(tmp_path / "evil.ckpt", pickled, more={"data/0": b"\x00" * 64})
    assert message in refused(load_plain, tmp_path / "evil.ckpt")
    assert not Path("mark").exists()


def test_what_hangs_on_a_container_is_left_out(tmp_path: Path) -> None:
    """A pickle can hang attributes on an OrderedDict, in the place of its methods."""
    pickled = b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb."
    archive(tmp_path / "evil.ckpt", pickled)
    loaded = load_plain(tmp_path / "evil.ckpt")
    assert type(loaded) is dict
    assert not list(loaded.items())


def deflated(path: Path) -> None:
    archive(path, b"\x80\x02" + b"N0" * 2**26 + b"N.", compression=zipfile.ZIP_DEFLATED)


def overlapping(path: Path) -> None:
    """Two names for the same bytes, so that more is read than there is."""
    archive(path, pickle.dumps({}, 2), more={"data/0": b"\x00" * 2**16})
    with zipfile.ZipFile(path, "a") as file:
        for index in range(1, 9):
            member = copy.copy(file.getinfo("archive/data/0"))
            member.filename = f"archive/data/{index}"
            file.filelist.append(member)
        file._didModify = True  # type: ignore[attr-defined]


def twice(path: Path) -> None:
    archive(path, pickle.dumps({}, 2), more={"other/data.pkl": call("os.mkdir", b"X\x04\x00\x00\x00mark")})


def old(content: Any) -> bytes:
    """torch's format from before zip files."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a deflated description": (deflated, "holds compressed members"),
    "members that overlap": (overlapping, "is no archive as torch writes it"),
    "two descriptions": (twice, "is no archive as torch writes it"),
    "an empty archive": (lambda path: zipfile.ZipFile(path, "w").close(), "truncated or damaged|no archive"),
    "an archive of text": (lambda path: archive(path.with_suffix(".x"), b"") or path.write_bytes(b"PK"), "truncated"),
    "the old format, with code": (lambda path: path.write_bytes(old({"a": Mark(path.with_name("mark"))})), "GLOBAL"),
    "the old format, cut": (lambda path: path.write_bytes(old({"a": torch.zeros(99)})[:-8]), "truncated"),
    "the old format, a terabyte": (
        lambda path: path.write_bytes(old({"a": torch.zeros(9)}).replace(b"K\x09", TERABYTE)), "truncated"),
    "no content at all": (lambda path: path.write_bytes(b""), "no checkpoint"),
    "zeros": (lambda path: path.write_bytes(bytes(10**6)), "no checkpoint"),
    "a pickle that never ends": (lambda path: path.write_bytes(b"\x80\x02" + b"(" * 10**6), "no checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("attack", FILES)
def test_files_against_their_reader(attack: str, tmp_path: Path, refused) -> None:
    write, message = FILES[attack]
    write(tmp_path / "evil.ckpt")
    line = refused(load_plain, tmp_path / "evil.ckpt")
    assert any(part in line for part in message.split("|")), line
    assert not (tmp_path / "mark").exists()
    assert not Path("mark").exists()
