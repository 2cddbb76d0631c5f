"""Released checkpoints become ours: equal outputs, nothing dropped in silence, nothing executed."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fastfcn import load_network
from fastfcn.checkpoints import build_network, load_weights, read_checkpoint
from fastfcn.foreign_weights import read_weights
from fastfcn.importing import authors, mmseg
from fastfcn.importing.import_checkpoint import translate, with_counters
from fastfcn.models.backbone import Backbone
from fastfcn.models.pretrained import load_pretrained
from tests.golden.generated import GOLDEN, images, released

MMSEG = sorted(path.stem for path in (GOLDEN / "mmseg").glob("*.npz"))


def close(computed: Tensor, golden: np.ndarray) -> None:
    largest = np.abs(golden).max()
    np.testing.assert_allclose(computed.numpy() / largest, golden / largest, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", MMSEG)
def test_mmsegmentation_computes_the_same(name: str) -> None:
    translation = mmseg.translate(released(name, "mmseg"), None)
    network = build_network(translation.model, translation.num_classes)
    load_weights(network, translation.weights, name)
    network.eval()
    golden = np.load(GOLDEN / "mmseg" / f"{name}.npz")
    with torch.no_grad():
        features = network.backbone(images(7, (1, 3, 96, 128)))
        joint = network.upsampling(features)
        output = network.head(joint, features)
        auxiliary = network.auxiliary(features.c4, features)
    maps = (features.c3, features.c4, features.c5)
    statistics = [[each.mean().item(), each.std().item()] for each in maps]
    np.testing.assert_allclose(statistics, golden["backbone_mean_std"], rtol=1e-3, atol=1e-4)
    close(joint[:, ::16], golden["neck_sub"])
    close(output.logits, golden["logits"])
    close(auxiliary.logits, golden["aux"])
    if "se" in golden:
        close(output.presence, golden["se"])


def released_file(path: Path, weights: dict[str, Tensor], *, zipped: bool = False, prefix: str = "") -> Path:
    """A file as the authors wrote it: numpy's float64 in it, and by default torch's format from before zip files."""
    content = {
        "epoch": 80,
        "state_dict": OrderedDict((prefix + name, tensor) for name, tensor in weights.items()),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.001}]},
        "best_pred": np.float64(0.61),
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_old_and_new_files_are_read(zipped: bool, prefix: str, tmp_path: Path) -> None:
    weights = {"head.conv5.0.weight": torch.rand(3, 2), "jpu.module.bias": torch.rand(3)}
    read = read_weights(released_file(tmp_path / "source.pth.tar", weights, zipped=zipped, prefix=prefix))
    assert list(read) == list(weights)
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_the_authors_file_is_imported_by_one_command(tmp_path: Path, script, capsys) -> None:
    source = released_file(tmp_path / "source.pth.tar", released("encnet_resnet50_jpu"), prefix="module.")
    output = tmp_path / "imported.ckpt"
    script("import_checkpoint", f"source={source}", f"output={output}")
    printed = capsys.readouterr().out
    assert "EncNetHead with JPU on tu-resnet50s at output stride 32, 59 classes" in printed
    assert "not used: pretrained.fc.weight, pretrained.fc.bias" in printed
    golden = np.load(GOLDEN / "fastfcn" / "encnet_resnet50_jpu.npz")
    with torch.no_grad():
        prediction = load_network(output)(images(7, (1, 3, 96, 128)))
    close(prediction.logits[..., ::8, ::8], golden["logits"])
    close(prediction.aux[..., ::8, ::8], golden["aux"])
    close(prediction.presence, golden["se"])
    assert len(read_checkpoint(output).description.classes) == 59


def test_class_names_come_from_the_data(tmp_path: Path, fails) -> None:
    source = released_file(tmp_path / "source.pth", released("psp_resnet50_jpu"))
    line = fails("import_checkpoint", f"source={source}", f"output={tmp_path}/o.ckpt", "data=shapes")
    assert "the checkpoint has 59 classes, data=shapes has 12" in line
    assert not (tmp_path / "o.ckpt").exists()


def unit(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes of a convolution `name`.0 and the BatchNorm `name`.1 after it."""
    statistics = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.0.weight": shape, **{f"{name}.1.{each}": shape[:1] for each in statistics}}


LATERAL = {
    **unit("head.connect.0", (512, 512, 1, 1)),
    **unit("head.connect.1", (512, 1024, 1, 1)),
    **unit("head.fusion", (512, 1536, 3, 3)),
}
FCN = {
    **unit("head.conv5", (512, 2048, 3, 3)),
    "head.conv5.4.weight": (59, 512, 1, 1),
    "head.conv5.4.bias": (59,),
}


@pytest.mark.parametrize(
    ("name", "without", "added", "head"),
    [
        ("encnet_resnet50_os8", "nothing", LATERAL, {"lateral": True, "kernel_size": 3}),
        ("encnet_resnet50_jpu", "head.", FCN, {}),
        ("encnet_resnet50_os8", "head.", FCN, {}),
        ("psp_resnet50_jpu", "jpu.", {}, {}),
        ("deeplab_resnet50_jpu", "auxlayer.", {}, {}),
        ("encnet_resnet50_jpu", "head.encmodule.selayer", {}, {"presence": False, "kernel_size": 1}),
    ],
)
def test_other_combinations_of_the_authors_parts(name: str, without: str, added: dict, head: dict) -> None:
    """Names as the authors' code gives them: lateral connections, FCN head, no JPU, no auxiliary or presence loss."""
    weights = {key: tensor for key, tensor in released(name).items() if not key.startswith(without)}
    weights |= {key: torch.rand(shape) for key, shape in added.items()}
    translation = authors.translate(weights, None)
    network = build_network(translation.model, translation.num_classes)
    load_weights(network, with_counters(translation.weights, network), name)
    assert head.items() <= translation.model["head"].items()
    assert (network.auxiliary is None) == (without == "auxlayer.")
    with torch.no_grad():
        prediction = network.eval()(torch.randn(1, 3, 65, 97))
    assert prediction.logits.shape == (1, translation.num_classes, 65, 97)


def test_without_jpu_the_output_stride_is_the_users_word() -> None:
    weights = released("encnet_resnet50_os8")
    strides = [authors.translate(weights, given).model["backbone"]["output_stride"] for given in (None, 8, 16, 32)]
    assert strides == [8, 8, 16, 32]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("head.conv5.0.weight"), "the checkpoint lacks head.conv5.0.weight"),
        (lambda w: [w.pop(name) for name in list(w) if ".layer3.5." in name], "5 and 3 blocks in layer3 and layer4"),
        (lambda w: [w.pop(name) for name in list(w) if "encoding" in name], "no FCN, PSP, DeepLabV3 or EncNet head"),
        (lambda w: [w.pop(name) for name in list(w) if "pretrained" in name], "is neither the authors' FastFCN"),
    ],
)
def test_other_networks_are_refused(change, message: str) -> None:
    weights = released("encnet_resnet50_jpu")
    change(weights)
    with pytest.raises(ValueError, match=message):
        translate(weights, Path("source.pth"), None)


def test_every_tensor_finds_its_place_or_nothing_is_written(tmp_path: Path, fails) -> None:
    weights = released("encnet_resnet50_jpu")
    del weights["jpu.dilation3.0.bn.bias"], weights["pretrained.layer3.5.bn1.weight"]
    weights |= {"head.extra.weight": torch.zeros(1), "jpu.conv4.1.bias": torch.zeros(3)}
    source = released_file(tmp_path / "source.pth", weights)
    line = fails("import_checkpoint", f"source={source}", f"output={tmp_path}/o.ckpt")
    assert "missing backbone.encoder.model.layer3.5.bn1.weight, upsampling.pyramid.2.1.bias" in line
    assert "unknown head.extra.weight" in line
    assert "of another shape upsampling.project4.1.bias (3,)" in line
    assert not (tmp_path / "o.ckpt").exists()


def test_a_bare_backbone_becomes_pretrained_weights(tmp_path: Path, script, capsys) -> None:
    whole = released("encnet_resnet50_os8")
    bare = {
        name.removeprefix("pretrained."): tensor for name, tensor in whole.items() if name.startswith("pretrained.")
    }
    torch.save(bare, tmp_path / "resnet50.pth", _use_new_zipfile_serialization=False)
    output = tmp_path / "backbone.pth"
    script("import_checkpoint", f"source={tmp_path}/resnet50.pth", f"output={output}")
    assert f"train with model.backbone.name=tu-resnet50s model.backbone.weights={output}" in capsys.readouterr().out
    for path in (output, tmp_path / "resnet50.pth"):
        backbone = Backbone("tu-resnet50s", weights=str(path))
        load_pretrained(backbone)
        assert torch.equal(backbone.encoder.state_dict()["model.layer4.2.bn3.weight"], bare["layer4.2.bn3.weight"])


class Payload:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused_and_not_run(zipped: bool, tmp_path: Path, capsys) -> None:
    content = {"state_dict": {"a": torch.zeros(1)}, "x": Payload()}
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"holds pickled code and is refused: .*GLOBAL"):
        read_weights(tmp_path / "evil.pth")
    assert "executed" not in capsys.readouterr().out


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_weights(path)
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_weights(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ValueError, match="holds no state_dict"):
        read_weights(path)
