"""Every published dataset, in miniature: from its archives through the scripts to a trained and scored network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fastfcn.checkpoints import read_checkpoint
from fastfcn.composition import build, plain
from fastfcn.data.ade20k import ADE20K
from fastfcn.data.cityscapes import Cityscapes
from fastfcn.data.pascal_context import CATEGORY_IDS, CLASSES, PascalContext
from fastfcn.data.public import PublicData
from fastfcn.data.voc import VOC
from fastfcn.data.voc_aug import VOCAug
from fastfcn.models import pretrained
from fastfcn.models.backbone import Backbone
from tests.data.miniature import Miniature
from tests.data.miniatures import MINIATURES
from tests.data.region_miniatures import context59
from tests.data.serving import serving
from tests.golden.generated import released

TINY_TRAINING = (
    "model=fcn_jpu", "model.backbone.name=tu-test_resnet", "model.backbone.weights=null", "model.upsampling.width=16",
    "augmentation.crop_size=32", "augmentation.base_size=32", "augmentation.scale=[0.5,2.0]", "recipe.batch_size=2",
    "recipe.epochs=1", "recipe.workers=0", "logger=csv", "trainer.enable_progress_bar=false",
    "trainer.log_every_n_steps=1",
)  # fmt: skip


def require_masks(data: PublicData, miniature: Miniature) -> None:
    for split, expected in miniature.masks.items():
        if split != "test":
            examples = list(map(data.split(split).__getitem__, range(len(expected))))
            assert {example.name for example in examples} == set(expected)
            assert len(data.split(split)) == len(expected)
            for example in examples:
                np.testing.assert_array_equal(example.mask, expected[example.name])
                assert example.image.shape == (*example.mask.shape, 3)


# slow: those of the layout of another, and coco_voc, whose conversion has tests of its own
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in ("pascal_context60", "voc_aug", "coco_voc") else [])
        for name in MINIATURES
    ],
)
def test_from_the_archives_to_a_score(
    name: str, tmp_path: Path, script, composed, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, root = tmp_path / "published", tmp_path / "data"
    published.mkdir()
    miniature = MINIATURES[name](published).publish(monkeypatch)
    options = (f"data={name}", f"data.root={root}")
    if name == "cityscapes":
        published.rename(root)  # no download: the user puts the archives there
    with serving(published) as server:
        script("prepare_data", *options, f"url={server.url}", "workers=1")
        asked = len(server.requests)
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
        script("prepare_data", *options, f"url={server.url}", "workers=1")
        assert len(server.requests) == asked == (0 if name == "cityscapes" else len(miniature.files))
    assert {path: path.stat().st_mtime_ns for path in before} == before, "a second run changes nothing"
    assert "ready in" in capsys.readouterr().out
    script("prepare_data", *options, "verify=true", "workers=1")
    assert "every image and mask can be read, fits and holds known labels" in capsys.readouterr().out

    data = build(plain(composed(*options).data), "data")
    require_masks(data, miniature)

    run_dir = tmp_path / "run"
    script("train", *options, *TINY_TRAINING, f"hydra.run.dir={run_dir}")
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    steps = len(miniature.masks[data.train_split]) // 2
    assert read_checkpoint(checkpoint).step == steps >= 2
    assert read_checkpoint(checkpoint).description.classes == data.classes
    script("evaluate", f"checkpoint={checkpoint}", "workers=0", "pictures=0", f"hydra.run.dir={tmp_path}/e")
    result = json.loads((tmp_path / "e" / "result.json").read_text())
    assert result["images"] == len(miniature.masks["val"])
    assert list(result["iou"]) == list(data.classes)
    present = {data.classes[index] for mask in miniature.masks["val"].values() for index in np.unique(mask[mask < 255])}
    assert present <= {name for name, iou in result["iou"].items() if iou is not None}


def test_names_and_colours_are_known_without_the_files() -> None:
    assert (len(ADE20K.classes), ADE20K.classes[0], ADE20K.classes[149]) == (150, "wall", "flag")
    assert (ADE20K.palette[0], ADE20K.palette[20], ADE20K.palette[149]) == (
        (120, 120, 120),
        (0, 102, 200),
        (92, 0, 255),
    )
    assert dict(zip(Cityscapes.classes, Cityscapes.palette, strict=True))["rider"] == (255, 0, 0)
    assert (len(VOC.classes), VOC.palette[15]) == (21, (192, 128, 128))
    context = PascalContext()
    assert dict(zip(context.classes, CATEGORY_IDS, strict=True))["person"] == 284
    assert list(CATEGORY_IDS) == sorted(CATEGORY_IDS)


def test_raw_values_of_cityscapes() -> None:
    raw = np.array([[0, 7, 8, 9, 26, 33, 255]], np.uint8)
    assert Cityscapes.labels.apply(raw).tolist() == [[255, 0, 1, 255, 13, 18, 255]]
    assert Cityscapes.labels.unknown(np.array([[34, 254, 7]], np.uint8)) == [34, 254]


def test_the_test_servers_recipe_is_one_command(
    tmp_path: Path, script, fails, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    MINIATURES["ade20k"](root).publish(monkeypatch)
    script("prepare_data", "data=ade20k", f"data.root={root}", "workers=1")
    downloads: list[str] = []

    def download(backbone: Backbone) -> tuple[dict[str, torch.Tensor], str]:
        downloads.append(backbone.name)
        return backbone.encoder.state_dict(), backbone.name

    monkeypatch.setattr(pretrained, "_download", download)
    options = ("data=ade20k", f"data.root={root}", *TINY_TRAINING, "model.backbone.weights=imagenet")
    script("train", *options, f"hydra.run.dir={tmp_path}/first")
    init = tmp_path / "first" / "checkpoints" / "best.ckpt"
    recipe = ("data.train_split=trainval", f"init={init}", "recipe.lr=0.001", "+trainer.limit_train_batches=2")
    script("train", *options, *recipe, f"hydra.run.dir={tmp_path}/second")
    last = tmp_path / "second" / "checkpoints" / "last.ckpt"
    checkpoint = read_checkpoint(last)
    assert (checkpoint.step, checkpoint.description.recipe["lr"]) == (2, 0.001)
    assert checkpoint.description.data["train_split"] == "trainval"
    assert "2 of 6 images of trainval are also in val" in (tmp_path / "second" / "train.log").read_text()
    line = fails("evaluate", f"checkpoint={last}", "split=test", f"hydra.run.dir={tmp_path}/e")
    assert "split 'test' of data=ade20k has no published masks" in line
    images = root / "release_test" / "testing"
    assert f"predict.py checkpoint=PATH images={images} output=DIR" in line
    output = tmp_path / "out"
    script("predict", f"checkpoint={last}", f"images={images}", f"output={output}", "submission=ade20k")
    assert (output / "submission.zip").exists()
    assert downloads == ["tu-test_resnet"], "only a training from the beginning fetches a backbone"


def test_the_recipe_of_the_paper(composed) -> None:
    recipes = {name: composed(f"data={name}") for name in MINIATURES}
    assert {name: (config.recipe.lr, config.recipe.epochs) for name, config in recipes.items()} == {
        "ade20k": (0.01, 120), "cityscapes": (0.01, 240), "voc": (0.0001, 50), "voc_aug": (0.001, 50),
        "pascal_context": (0.001, 80), "pascal_context60": (0.001, 80), "coco_voc": (0.01, 30),
    }  # fmt: skip
    for config in recipes.values():
        assert config.recipe.batch_size == 16
        assert config.augmentation.crop_size == 480
        assert config.model.backbone.weights == "imagenet"
        assert config.model.backbone.name == "tu-resnet50s"
    server = composed("data=ade20k", "data.train_split=trainval", "init=x", "recipe.lr=0.001", "recipe.epochs=20")
    assert (server.recipe.lr, server.recipe.epochs, server.data.train_split) == (0.001, 20, "trainval")


@pytest.mark.parametrize(("data", "clean"), [(VOC, "train"), (VOCAug, "train_aug")])
def test_training_images_that_validation_uses_are_told(
    data: type[PublicData], clean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    miniature = MINIATURES[data.name](tmp_path).publish(monkeypatch)
    for files in miniature.files.values():
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    (warning,) = data(root=str(tmp_path), train_split="trainval").warnings()
    assert "2 of 6 images of trainval are also in val" in warning
    assert f"data.train_split={clean} has none of them" in warning
    assert data(root=str(tmp_path), train_split=clean).warnings() == []
    (tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt").write_text("b1\n")
    told = data(root=str(tmp_path), train_split=clean).warnings()
    assert "split val has 1 images, 2 were published; prepare it" in told[-1]


@pytest.mark.parametrize("name", MINIATURES)
def test_data_that_was_not_prepared(name: str, tmp_path: Path, fails) -> None:
    line = fails("train", f"data={name}", f"data.root={tmp_path}", f"hydra.run.dir={tmp_path}/run")
    assert f"prepare it: python src/prepare_data.py data={name} data.root={tmp_path}" in line
    line = fails("train", f"data={name}", f"hydra.run.dir={tmp_path}/run")
    assert f"data.root must be given: the folder that python src/prepare_data.py data={name}" in line


def test_a_split_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="data=ade20k has no split 'trian'; choose one of train, val, trainval, test"):
        ADE20K(root=str(tmp_path)).split("trian")


def test_cityscapes_explains_the_account(tmp_path: Path, fails) -> None:
    line = fails("prepare_data", "data=cityscapes", f"data.root={tmp_path}/data")
    assert "register and accept the terms at https://www.cityscapes-dataset.com" in line
    assert "leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip" in line


@pytest.mark.slow  # a released ResNet-50 is written, read and scored
def test_an_imported_checkpoint_gets_its_names_without_the_files_and_is_scored_with_them(
    tmp_path: Path, script, fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, checkpoint, root = tmp_path / "released.pth", tmp_path / "imported.ckpt", tmp_path / "data"
    torch.save({"state_dict": released("encnet_resnet50_jpu")}, source)
    script("import_checkpoint", f"source={source}", f"output={checkpoint}", "data=pascal_context")
    description = read_checkpoint(checkpoint).description
    assert (description.classes, description.palette) == (CLASSES, PascalContext().palette)
    options = (f"checkpoint={checkpoint}", "workers=0", "pictures=0")
    assert "data.root must be given" in fails("evaluate", *options, f"hydra.run.dir={tmp_path}/e")
    root.mkdir()
    context59(root).publish(monkeypatch)
    script("prepare_data", "data=pascal_context", f"data.root={root}", "workers=1")
    script("evaluate", *options, f"data.root={root}", f"hydra.run.dir={tmp_path}/e2")
    assert json.loads((tmp_path / "e2" / "result.json").read_text())["data"] == "pascal_context"
