"""The command, as it is typed."""

import json
import shutil
from pathlib import Path

import pytest

from fastfcn.data.folder import Folder
from tests.data.converting.exports import EXPORTS, coco, grid, labelme, masks

TINY = (
    "model=fcn_os8", "model.backbone.name=tu-test_resnet", "model.backbone.weights=null", "data=folder",
    "recipe.epochs=1", "recipe.batch_size=1", "recipe.frozen_bn=true", "recipe.workers=0",
    "augmentation.crop_size=32", "augmentation.base_size=32",
    "trainer.enable_progress_bar=false", "logger=csv",
)  # fmt: skip


def test_a_dataset_is_ready_to_train_with(script, tmp_path: Path, capsys) -> None:
    source, out = coco(tmp_path / "my export"), tmp_path / "out"
    script(
        "prepare_data", "data=folder", f"data.root={out}", "from=coco", f"source={source}", "workers=1", "verify=true"
    )
    printed = capsys.readouterr().out
    assert "folder: 1 train, 1 val images, 3 classes, ready in" in printed
    assert "every image and mask can be read" in printed
    report = json.loads((out / "report.json").read_text())
    assert report["images"] == {"train": 1, "val": 1}
    assert sum(split["pixels"] for split in report["classes"]["road"].values()) == 24
    assert Folder(root=str(out)).classes == ("background", "road", "car")


def test_options_as_they_are_typed(script, tmp_path: Path) -> None:
    source, out = masks(tmp_path / "source", grid(inside=255)), tmp_path / "out"
    options = ("from=masks", "classes={0: background, 255: road}", "images=images/*.jpg", "masks=masks/*.png")
    script(
        "prepare_data", "data=folder", f"data.root={out}", f"source={source}", "workers=1", *options, r"group=(\d)\.jpg"
    )
    assert (out / "classes.txt").read_text() == "background\nroad\n"
    colours = ("from=masks", "palette={sky:[0,0,0],road:[255,255,255]}")
    script("prepare_data", "data=folder", f"data.root={tmp_path}/b", f"source={source}", "workers=1", *colours)
    assert (tmp_path / "b/palette.txt").read_text() == "0 0 0 sky\n255 255 255 road\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["source=SOURCE"], "source= needs the kind of what was exported: from=coco|cvat|hf|labelme|masks|voc|yolo"),
        (["from=coco"], "from= needs source=PATH"),
        (["from=coco", "source=SOURCE/none"], "none is not there; give the folder or file that the tool exported"),
        (["from=pdf", "source=SOURCE"], "Could not find 'from/pdf' Available options in 'from': coco, cvat, hf, lab"),
        (["from=coco", "source=SOURCE", "labels_from=1"], "labels_from is not a key of the configuration"),
        (["from=coco", "source=SOURCE", "boxes=painted"], "boxes=painted does not fit: input should be 'ignored' or"),
        (["from=coco", "source=SOURCE", "val=1.5"], "val must be 0 or more, and less than 1"),
        (["from=coco", "source=SOURCE", "val=0.6", "test=0.4"], "val and test take 1 of all images"),
        (["from=coco", "source=SOURCE", "data.root=SOURCE"], "source= and data.root= are both"),
        (["from=coco", "source=SOURCE", "data.classes=[a,b]"], "data.classes tells how a folder is read"),
        (["from=coco", "source=SOURCE", "data=voc"], "from= fills a folder of your own: data=folder data.root=PATH"),
    ],
)
def test_mistakes(options: list[str], message: str, fails, tmp_path: Path) -> None:
    source = coco(tmp_path / "source")
    given = [option.replace("SOURCE", str(source)) for option in options]
    keys = {option.partition("=")[0] for option in options}
    base = [
        each for each in ("data=folder", f"data.root={tmp_path}/out", "workers=1") if each.split("=")[0] not in keys
    ]
    assert message in fails("prepare_data", *base, *given)


def test_an_archive_is_unpacked_and_not_kept(script, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", labelme(tmp_path / "source"))
    script("prepare_data", "data=folder", f"data.root={tmp_path}/out", "from=labelme", f"source={archive}", "workers=1")
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name[0] != ".") == [
        "classes.txt", "images", "masks", "palette.txt", "report.json",
    ]  # fmt: skip
    assert not (tmp_path / "out/.converting").exists()


@pytest.mark.slow  # a training of some seconds each
@pytest.mark.parametrize("kind", sorted(EXPORTS))
def test_from_archive_to_scores(kind: str, script, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", EXPORTS[kind](tmp_path / "source"))
    out, run = f"data.root={tmp_path}/out", tmp_path / "run"
    classes = ["classes=[background,road]"] if kind == "masks" else []
    script("prepare_data", "data=folder", out, f"from={kind}", f"source={archive}", "workers=1", *classes)
    script("train", *TINY, out, f"hydra.run.dir={run}")
    script("evaluate", f"checkpoint={run}/checkpoints/last.ckpt", f"hydra.run.dir={tmp_path}/scores")
    assert json.loads((tmp_path / "scores/result.json").read_text())["metrics"]
