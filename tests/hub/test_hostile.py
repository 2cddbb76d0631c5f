"""A repository from a stranger: one line, and nothing of it is run, or written beyond the hub's cache."""

import hashlib
import io
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.hub.bundle import files_of
from fastfcn.hub.repository import CONFIG, WEIGHTS
from tests.attack.bounded import files_in, refusal
from tests.attack.conftest import Mark
from tests.hub.serving import Hub

REPO = "someone/evil"
Files = dict[str, bytes]
SYMLINK = b"../../../../../../../../etc/passwd"  # what a link is in git: its target


@pytest.fixture(scope="module")
def whole(trained: Path) -> Files:
    return files_of(read_checkpoint(trained / "checkpoints" / "best.ckpt"), "")


def weights_of(content: bytes) -> Callable[[Files, Path], Files]:
    """Put other weights in their place, with the SHA-256 that a stranger would give them."""
    return lambda files, _: with_weights(files, content)


def with_weights(files: Files, content: bytes) -> Files:
    config = {**json.loads(files[CONFIG]), "weights": hashlib.sha256(content).hexdigest()}
    return {**files, WEIGHTS: content, CONFIG: json.dumps(config).encode()}


def told(**changes: Any) -> Callable[[Files, Path], Files]:
    """Change keys of config.json."""
    return lambda files, _: {**files, CONFIG: json.dumps({**json.loads(files[CONFIG]), **changes}).encode()}


def header(content: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + body


def changed(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Files, Path], Files]:
    """Change the tensors."""

    def call(files: Files, _: Path) -> Files:
        from safetensors.torch import load

        tensors = load(files[WEIGHTS])
        change(tensors)
        return with_weights(files, save(tensors))

    return call


def pickled(files: Files, mark: Path) -> Files:
    buffer = io.BytesIO()
    torch.save({"state_dict": Mark(mark)}, buffer)
    evil = pickle.dumps(Mark(mark))
    return {**with_weights(files, buffer.getvalue()), "pytorch_model.bin": evil, "model.py": b"import os"}


def target(files: Files, mark: Path) -> Files:
    config = json.loads(files[CONFIG])
    config["hyper_parameters"]["model"]["head"] = {"_target_": "pathlib.Path.touch", "self": str(mark)}
    return {**files, CONFIG: json.dumps(config).encode()}


F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
HOSTILE: dict[str, tuple[Callable[[Files, Path], Files], str]] = {
    "a pickle": (pickled, "no safetensors file"),
    "a function to call": (target, "no part of a network or dataset here; refused"),
    "code of its own": (told(auto_map={"AutoModel": "model.Evil"}), "describes no checkpoint of this suite: auto_map"),
    "another library": (told(library_name="timm"), "is of the library 'timm'"),
    "no description": (told(hyper_parameters={}), "its format is None"),
    "a digest that is a path": (told(weights="../../x"), "must be a SHA-256|weights"),
    "other weights than announced": (told(weights="0" * 64), "is not the file that config.json names"),
    "steps beyond all bounds": (told(global_step=10**30), "config.json"),
    "a huge config": (lambda files, _: {**files, CONFIG: b" " * 2_000_001}, "at most 2000000 are read; refused"),
    "a deep config": (lambda files, _: {**files, CONFIG: b"[" * 1_000_000}, "config.json is no JSON that is read"),
    "a config of endless digits": (lambda files, _: {**files, CONFIG: b'{"a": ' + b"9" * 10**6}, "is no JSON"),
    "a config that is a link": (lambda files, _: {**files, CONFIG: SYMLINK}, "config.json is no JSON"),
    "weights that are a link": (weights_of(SYMLINK), "is no safetensors file, or describes itself in"),
    "a huge header": (weights_of(struct.pack("<Q", 2**62) + b"{}"), "describes itself in 4611686018427387904 bytes"),
    "a header of megabytes": (weights_of(header({"a" * 17_000_000: F32}, b"\0" * 4)), "describes itself in 17000"),
    "a header that is no JSON": (weights_of(struct.pack("<Q", 4) + b"abcd"), "no safetensors file"),
    "a file too short for one": (weights_of(b"abc"), "no safetensors file"),
    "tensors that overlap": (weights_of(header({"a": F32, "b": F32}, b"\0" * 4)), "no safetensors file"),
    "a tensor that is not there": (
        weights_of(header({"a": {**F32, "shape": [2**40], "data_offsets": [0, 2**42]}})), "no safetensors file",
    ),
    "a negative shape": (weights_of(header({"a": {**F32, "shape": [-1]}}, b"\0" * 4)), "no safetensors file"),
    "names that are paths": (weights_of(save({"../../x": torch.zeros(1)})), "those of another network"),
    "no weights": (weights_of(save({})), "those of another network: missing"),
    "another shape": (
        changed(lambda tensors: tensors.update({"head.classify.1.bias": torch.zeros(7)})),
        "of another shape head.classify.1.bias (7,)",
    ),
    "eight bits": (
        changed(lambda tensors: tensors.update({"head.classify.1.bias": torch.zeros(12).to(torch.float8_e4m3fn)})),
        "unread head.classify.1.bias torch.float8",
    ),
    "complex numbers": (
        changed(lambda tensors: tensors.update({"head.classify.1.bias": torch.zeros(12, dtype=torch.complex64)})),
        "of another kind",
    ),
    "not a number": (
        changed(lambda tensors: tensors["head.classify.1.bias"].fill_(float("nan"))), "hold NaN or infinity",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_repositories_are_one_line(attack: str, hub: Hub, cache: Path, whole: Files, tmp_path: Path) -> None:
    change, message = HOSTILE[attack]
    hub.add(REPO, change(whole, tmp_path / "mark"))
    line = refusal(lambda: network_of(read_checkpoint(f"hf-hub:{REPO}")))
    assert any(part in line for part in message.split("|")), line
    assert REPO in line or str(cache) in line
    assert files_in(tmp_path) == set()
    assert {each.rpartition("/")[2] for each in hub.asked} <= {CONFIG, WEIGHTS}
    assert {path.name for path in cache.iterdir()} <= {"models--someone--evil", ".locks", "CACHEDIR.TAG"}


def test_sizes_count_before_a_download(hub: Hub, whole: Files) -> None:
    hub.add(REPO, whole)
    for name in (WEIGHTS, CONFIG):
        hub.sizes[name] = 2**40
        assert f"{name} has {2**40} bytes" in refusal(lambda: read_checkpoint(f"hf-hub:{REPO}"))
    assert not any(each.startswith("GET") and WEIGHTS in each for each in hub.asked)


@pytest.mark.parametrize(
    ("commit", "message"), [("../../../evil", "Invalid pointer path"), ("evil", "'evil' is no commit; refused")]
)
def test_what_is_no_commit_is_refused(commit: str, message: str, hub: Hub, cache: Path, whole: Files) -> None:
    hub.add(REPO, whole)
    hub.commit = commit
    assert f"{REPO}@main: {message}" in refusal(lambda: read_checkpoint(f"hf-hub:{REPO}"))
    assert not list(cache.parent.glob("**/evil"))


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_a_repository_that_lacks_a_file(missing: str, hub: Hub, whole: Files) -> None:
    hub.add(REPO, {name: content for name, content in whole.items() if name != missing})
    line = refusal(lambda: read_checkpoint(f"hf-hub:{REPO}"))
    assert "lacks a file that every checkpoint pushed by this suite has" in line


@pytest.mark.parametrize(
    "address",
    ["hf-hub:", "hf-hub:a", "hf-hub:a/b/c", "hf-hub:../b", "hf-hub:a/..", "hf-hub:a/b@", "hf-hub:a/b@../../x",
     "hf-hub:/etc/passwd", "hf-hub:a/b\n", "hf-hub:a/b?x=1", "hf-hub:a/" + "b" * 100, "hf-hub:a--b/c", "hf-hub:a/b..c",
     "hf-hub:~/b"],
)  # fmt: skip
def test_addresses_that_are_none(address: str, hub: Hub) -> None:
    assert "is no hf-hub:OWNER/NAME" in refusal(lambda: read_checkpoint(address))
    assert hub.asked == []
