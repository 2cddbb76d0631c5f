"""What is pushed comes back as it was, says what it is, and names nothing of the machine it comes from."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants
from PIL import Image

from fastfcn import load_network
from fastfcn.checkpoints import read_checkpoint
from fastfcn.hub.bundle import portable
from fastfcn.hub.repository import CARD, CONFIG, WEIGHTS
from fastfcn.prediction.journal import digest
from tests.hub.serving import Hub

REPO = "someone/tiny.net"


@pytest.fixture
def pushed(hub: Hub, trained: Path, script, capfd) -> tuple[str, dict[str, bytes]]:
    """Push the tiny run; return what was said, and the files."""
    script("hub", "push", f"checkpoint={trained}/checkpoints/best.ckpt", f"repo={REPO}", "license=mit")
    (files,) = hub.repositories[REPO].values()
    return capfd.readouterr().out, files


@pytest.mark.parametrize("large", [10**9, 1000])  # bytes; a hub takes large files apart from the rest
def test_what_is_pushed_comes_back_bit_for_bit(large: int, hub: Hub, trained: Path, script, tmp_path: Path) -> None:
    hub.large = large
    path = trained / "checkpoints" / "best.ckpt"
    script("hub", "push", f"checkpoint={path}", f"repo={REPO}", "private=false")
    assert len(hub.uploads) == (3 if large == 1000 else 0)
    script("hub", "pull", f"repo={REPO}", f"output={tmp_path}/pulled.ckpt")
    images = torch.randint(256, (2, 3, 61, 83), dtype=torch.uint8)
    with torch.no_grad():
        expected = load_network(path)(images).logits
        for place in (f"hf-hub:{REPO}", f"hf-hub:{REPO}@main", tmp_path / "pulled.ckpt"):
            assert torch.equal(load_network(place)(images).logits, expected)
    ours, theirs = read_checkpoint(path), read_checkpoint(tmp_path / "pulled.ckpt")
    assert theirs.description == portable(ours.description)
    assert theirs.step == ours.step
    assert all(torch.equal(theirs.weights[name], tensor) for name, tensor in ours.weights.items())


def test_nothing_is_asked_twice_or_while_offline(hub: Hub, pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    (commit,) = hub.repositories[REPO]
    read = read_checkpoint(f"hf-hub:{REPO}")
    assert read.pinned == f"hf-hub:{REPO}@{commit}"
    assert {line.rpartition("/")[2] for line in hub.asked if line.startswith(("GET", "HEAD"))} == {CONFIG, WEIGHTS}
    hub.asked.clear()
    read_checkpoint(read.pinned)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert read_checkpoint(f"hf-hub:{REPO}").pinned == read.pinned
    assert hub.asked == []
    with pytest.raises(ValueError, match="hf-hub:a/b@main: the hub is not asked while HF_HUB_OFFLINE is set"):
        read_checkpoint("hf-hub:a/b")


def test_a_new_repository_is_private_and_says_how_to_load_it(hub: Hub, pushed) -> None:
    (commit,) = hub.repositories[REPO]
    assert hub.visibility == {REPO: "private"}
    assert f'load_network("hf-hub:{REPO}@{commit}")' in pushed[0]


def test_the_card_is_made_of_the_result(pushed, trained: Path) -> None:
    _, front, body = pushed[1][CARD].decode().split("---\n", 2)
    told = yaml.safe_load(front)
    result = json.loads((trained / "result.json").read_text())
    assert (told["license"], told["library_name"], told["pipeline_tag"]) == ("mit", "fastfcn", "image-segmentation")
    (index,) = told["model-index"]
    values = {metric["type"]: metric["value"] for each in index["results"] for metric in each["metrics"]}
    assert values == {"mean_iou": result["metrics"]["val/miou"], "accuracy": result["metrics"]["val/pixacc"]}
    miou, pixacc = (f"{100 * result['metrics'][name]:.2f}" for name in ("val/miou", "val/pixacc"))
    assert f"| shapes | val | centre crop | {miou} | {pixacc} |" in body
    assert all(f"| {name} | " in body for name in result["iou"])
    assert "encnet head on jpu, backbone\ntu-test_resnet" in body
    assert f"fastfcn predict checkpoint=hf-hub:{REPO} " in body
    assert "| recipe.lr | 0.1 |" in body


def test_what_names_a_machine_stays_on_it(hub: Hub, trained: Path, tmp_path: Path, script, fails) -> None:
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    told = content["hyper_parameters"]
    told["data"]["root"] = told["recipe"]["cache"] = told["model"]["backbone"]["weights"] = "/home/someone/secret"
    told["classes"] = ["a|b", "<script>", *told["classes"][2:]]
    torch.save(content, tmp_path / "a.ckpt")
    result = json.loads((trained / "result.json").read_text())
    result["iou"] = dict(zip(told["classes"], result["iou"].values(), strict=True))
    (tmp_path / "a.json").write_text(json.dumps(result))
    push = ("push", f"checkpoint={tmp_path}/a.ckpt", f"repo={REPO}", f"results=[{tmp_path}/a.json]")
    script("hub", *push, f"output={tmp_path}/out")
    assert hub.asked == []
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {CONFIG, WEIGHTS, CARD}
    assert not any(b"secret" in each or b"someone/secret" in each for each in files.values())
    assert b"| a&#124;b | " in files[CARD]
    assert b"| &lt;script&gt; | " in files[CARD]
    told["data"]["test_split"] = "/home/someone/secret"
    torch.save(content, tmp_path / "b.ckpt")
    line = fails("hub", "push", f"checkpoint={tmp_path}/b.ckpt", f"repo={REPO}", f"output={tmp_path}/out2")
    assert "data.test_split=/home/someone/secret of the checkpoint names a place of this machine" in line
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("push", "repo=x"), "repo must be OWNER/NAME of letters, digits, _, - and ., got x"),
        (("push", "repo=a/../b"), "repo must be OWNER/NAME"),
        (("push", f"repo={REPO}", "license=MIT License"), "license must be an identifier of the hub"),
        (("push", f"repo={REPO}", "results=[{other}]"), "other.json is of another network than"),
        (("push", f"repo={REPO}", "results=[{broken}]"), "broken.json is no result file: damaged, it lacks"),
        (("push", f"repo={REPO}", "certificate={broken}"), "broken.json is no certificate that export.py wrote"),
        (("push", f"repo={REPO}", "checkpoint=hf-hub:a/b"), "checkpoint=hf-hub:a/b is on the hub already"),
        (("pull", "repo=a/b"), "hf-hub:a/b@main: the hub has no such repository, or a private one"),
        (("pull", f"repo={REPO}", "revision=../main"), "revision must be the name of a branch or tag, or a commit"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], message: str, hub: Hub, trained: Path, tmp_path: Path, fails
) -> None:
    result = json.loads((trained / "result.json").read_text())
    places = {name: tmp_path / f"{name}.json" for name in ("other", "broken")}
    places["other"].write_text(json.dumps({**result, "parameters": 3}))
    places["broken"].write_text("{}")
    word, *options = (each.format(**places) for each in arguments)
    needed = [f"checkpoint={trained}/checkpoints/best.ckpt"] if word == "push" else [f"output={tmp_path}/a.ckpt"]
    assert message in fails("hub", word, *needed, *options)
    assert not hub.uploads
    assert not (tmp_path / "a.ckpt").exists()


def test_without_a_token_nothing_is_pushed(hub: Hub, trained: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    line = fails("hub", "push", f"checkpoint={trained}/checkpoints/best.ckpt", f"repo={REPO}")
    assert "a token in HF_TOKEN, or hf auth login" in line
    assert not hub.repositories


def test_a_word_that_is_no_command(fails, script, capfd) -> None:
    assert "hub.py takes push or pull first, got pusch" in fails("hub", "pusch", "repo=a/b")
    script("hub", "--help")
    assert "push checkpoint=PATH repo=OWNER/NAME" in capfd.readouterr().out


def test_the_scripts_take_an_address(hub: Hub, pushed, script, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    for _ in range(2):
        script(
            "predict", f"checkpoint=hf-hub:{REPO}", f"images={tmp_path}/a.png", f"output={tmp_path}/out", "workers=0"
        )
    script("evaluate", f"checkpoint=hf-hub:{REPO}", "workers=0", "pictures=0", f"hydra.run.dir={tmp_path}/run")
    (commit,) = hub.repositories[REPO]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["checkpoint"] == f"hf-hub:{REPO}@{commit}"


def test_a_certificate_is_told_if_it_is_of_the_checkpoint(
    hub: Hub, trained: Path, tmp_path: Path, script, fails
) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    told = {
        "format": "fastfcn-certificate-1",
        "engine": "ONNX Runtime 1.32",
        "export": {"checkpoint": digest(path), "outputs": "logits", "precision": "int8"},
        "parity": {"images": 8, "equal": 0.99991, "difference": 3e-5},
        "score": {"data": "shapes", "split": "val", "checkpoint": 0.5, "file": 0.4975},
    }
    (tmp_path / "a.json").write_text(json.dumps(told))
    push = ("push", f"checkpoint={path}", f"repo={REPO}", f"certificate={tmp_path}/a.json", f"output={tmp_path}/out")
    script("hub", *push)
    card = (tmp_path / "out" / CARD).read_text()
    assert "Exported as logits in int8 and run by ONNX Runtime 1.32 on 8 images: 99.991 % of pixels" in card
    assert "differ by 3.0e-05 of the largest; mIoU on shapes val: 49.75 %, 50.00 % for the checkpoint." in card
    told["export"]["checkpoint"] = "0" * 64
    (tmp_path / "a.json").write_text(json.dumps(told))
    assert "is the certificate of another checkpoint" in fails("hub", *push)
