"""A checkpoint stands alone, and nothing in it is executed."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from fastfcn import load_network
from fastfcn.checkpoints import build_network, for_other_classes, read_checkpoint
from fastfcn.data.shapes import CLASSES
from fastfcn.files import write_atomically
from fastfcn.training.checkpoint_io import AtomicCheckpointIO


def test_load_network_needs_only_the_file(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "moved.ckpt")
    monkeypatch.setattr("fastfcn.entry.CONF", tmp_path / "no-conf")
    monkeypatch.chdir(tmp_path)
    network = load_network(path)
    assert not network.training
    with torch.no_grad():
        prediction = network(torch.randn(2, 3, 61, 83))
    assert prediction.logits.shape == prediction.aux.shape == (2, len(CLASSES), 61, 83)
    assert prediction.presence.shape == (2, len(CLASSES))


def test_a_checkpoint_is_plain_data(trained: Path) -> None:
    for name in ("best", "last"):
        content = torch.load(trained / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert json.dumps(content["hyper_parameters"])
        assert content["hyper_parameters"]["classes"] == list(CLASSES)


def rewritten(trained: Path, path: Path, change) -> Path:
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    change(content)
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    "target",
    ["os.system", "fastfcn.data.folder.Path", "fastfcn.checkpoints.os.system", "fastfcn.entry.sys.exit", "nowhere"],
)
def test_a_checkpoint_cannot_name_foreign_code(trained: Path, tmp_path: Path, target: str) -> None:
    def change(content: dict) -> None:
        content["hyper_parameters"]["model"]["head"]["_target_"] = target

    path = rewritten(trained, tmp_path / "evil.ckpt", change)
    with pytest.raises(ValueError, match="no part of a network or dataset here; refused"):
        load_network(path)


def test_a_checkpoint_cannot_read_the_environment(trained: Path, tmp_path: Path) -> None:
    def change(content: dict) -> None:
        content["hyper_parameters"]["model"]["backbone"]["name"] = "${oc.env:HOME}"

    with pytest.raises(ValueError, match="unresolved value"):
        load_network(rewritten(trained, tmp_path / "curious.ckpt", change))


class Payload:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {}}, "not a checkpoint of this project"),
        ([1, 2], "not a checkpoint of this project"),
        ({"x": Payload()}, "holds pickled code and is refused"),
    ],
)
def test_contents_that_are_no_checkpoint(tmp_path: Path, capsys, content: object, message: str) -> None:
    torch.save(content, tmp_path / "file.ckpt")
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path / "file.ckpt")
    assert "executed" not in capsys.readouterr().out


def test_files_that_are_no_checkpoint(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "file.ckpt"
    whole = (trained / "checkpoints" / "best.ckpt").read_bytes()
    for content, message in {
        whole[: len(whole) // 2]: "truncated",
        b"": "no checkpoint",
        b"hello": "no checkpoint",
    }.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_checkpoint(tmp_path / "nowhere.ckpt")


def test_weights_of_another_network_are_named(trained: Path, tmp_path: Path) -> None:
    def change(content: dict) -> None:
        weights = content["state_dict"]
        weights["network.head.extra"] = torch.zeros(1)
        del weights["network.head.reduce.0.weight"]
        weights["network.head.classify.1.bias"] = torch.zeros(7)

    message = (
        r"missing head.reduce.0.weight; unknown head.extra; of another shape head.classify.1.bias \(7,\) for \(12,\)"
    )
    with pytest.raises(ValueError, match=message):
        load_network(rewritten(trained, tmp_path / "other.ckpt", change))


def test_only_layers_of_another_class_count_begin_anew(trained: Path) -> None:
    checkpoint = read_checkpoint(trained / "checkpoints/best.ckpt")
    model = checkpoint.description.model
    _, fresh = for_other_classes(checkpoint, build_network(model, num_classes=5))
    assert {name.split(".")[0] for name in fresh} == {"head", "auxiliary"}
    wider = {**model, "upsampling": {**model["upsampling"], "width": 8}}
    weights, fresh_too = for_other_classes(checkpoint, build_network(wider, num_classes=5))
    assert set(fresh_too) <= set(fresh), "a layer of another width is no reason to begin anew"
    assert weights.keys() == checkpoint.weights.keys()


def test_only_segmenters_are_built() -> None:
    with pytest.raises(ValueError, match="does not build a Segmenter"):
        build_network({"_target_": "fastfcn.models.layers.encoding.Encoding", "channels": 4, "codewords": 2}, 3)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def fail(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert torch.load(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
