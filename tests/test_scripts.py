"""The entry scripts, as the command line calls them."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn import load_network
from fastfcn.data.shapes import CLASSES, PALETTE, Shapes
from fastfcn.metrics import summarise
from fastfcn.pictures import GAP
from fastfcn.reporting.boundary import NAME as BOUNDARY
from fastfcn.reporting.boundary import TRIMAP, read_regions
from fastfcn.reporting.per_image import NAME as PER_IMAGE
from fastfcn.reporting.per_image import read_per_image
from fastfcn.training.callbacks import EpochLog
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.module import SegmentationModule
from fastfcn.training.preemption import is_last_step
from fastfcn.training.train import build_parts, read_config
from tests.conftest import TINY_RUN, TRAINED_RUN
from tests.data.test_folder import write_dataset


def test_a_run_leaves_what_was_promised(trained: Path) -> None:
    result = json.loads((trained / "result.json").read_text())
    assert set(result) >= {
        "metrics", "model", "data", "seed", "commit", "versions", "device", "parameters", "gflops", "seconds",
    }  # fmt: skip
    assert result["model"] == {
        "backbone": "tu-test_resnet", "output_stride": 32, "upsampling": "jpu", "head": "encnet",
    }  # fmt: skip
    assert list(result["iou"]) == list(CLASSES)
    assert result["gflops"] > 0
    assert "data:" in (trained / "config.yaml").read_text()
    rows = list(csv.DictReader((trained / "metrics.csv").open()))
    best = max(float(row["val/miou"]) for row in rows if row["val/miou"])
    assert best == pytest.approx(result["metrics"]["val/miou"], abs=1e-6)
    assert len([row for row in rows if row["train/loss"]]) == 24
    assert len([row for row in rows if row["val/miou"]]) == 3
    assert {path.name for path in (trained / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_row_of_a_table_ends_with_the_score_of_its_protocol(tmp_path: Path, script) -> None:
    run_dir = tmp_path / "row"
    script("train", "experiment=upsampling", "row=jpu", *TINY_RUN, "recipe.epochs=1", "pictures=2", "resume=auto",
           f"hydra.run.dir={run_dir}")  # fmt: skip
    result = json.loads((run_dir / "result.json").read_text())
    assert {key: result[key] for key in ("experiment", "row", "seed", "steps", "protocol", "split")} == {
        "experiment": "upsampling", "row": "jpu", "seed": 0, "steps": 4, "protocol": "ss", "split": "val",
    }  # fmt: skip
    assert list(result["metrics"]) == ["val/miou", "val/pixacc", "val/miou_ss", "val/pixacc_ss"]
    for name in ("val_00000", "val_00004"):  # the first and the last of five
        truth = Shapes(size=64, val_images=5).split("val")[int(name[-1])].mask
        np.testing.assert_array_equal(np.array(Image.open(run_dir / "truth" / f"{name}.png")), truth)
        prediction = Image.open(run_dir / "predictions" / f"{name}.png")
        assert (prediction.mode, prediction.size) == ("P", (64, 64))
        assert Image.open(run_dir / "images" / f"{name}.jpg").size == (64, 64)
    assert len(list((run_dir / "predictions").iterdir())) == 2
    evaluation = tmp_path / "evaluation"
    checkpoint = f"checkpoint={run_dir}/checkpoints/best.ckpt"
    script("evaluate", checkpoint, "protocol=single_scale", "workers=0", "pictures=0", f"hydra.run.dir={evaluation}")
    again = json.loads((evaluation / "result.json").read_text())
    assert again["metrics"]["val/miou_ss"] == pytest.approx(result["metrics"]["val/miou_ss"], abs=1e-6)
    assert again["iou"] == pytest.approx(result["iou"], abs=1e-6)
    assert {key: again[key] for key in ("row", "seed", "steps")} == {
        key: result[key] for key in ("row", "seed", "steps")
    }
    images, once_more = (read_per_image(folder / PER_IMAGE, len(CLASSES)) for folder in (run_dir, evaluation))
    assert images.names == tuple(f"val_{index:05d}" for index in range(5))
    np.testing.assert_array_equal(images.confusion, once_more.confusion)
    summed = summarise(torch.from_numpy(images.confusion))
    assert (summed.miou, summed.pixacc) == tuple(list(result["metrics"].values())[2:])


def test_evaluate_from_the_checkpoint_alone(trained: Path, tmp_path: Path, script, capsys) -> None:
    run_dir = tmp_path / "evaluation"
    checkpoint = trained / "checkpoints" / "best.ckpt"
    options = ("split=test", "workers=0", "boundary=true")
    script("evaluate", f"checkpoint={checkpoint}", *options, f"hydra.run.dir={run_dir}")
    assert "tent" in capsys.readouterr().out
    result = json.loads((run_dir / "result.json").read_text())
    assert set(result["metrics"]) == {"test/miou_full", "test/pixacc_full"}
    assert result["checkpoint"] == str(checkpoint)
    assert result["images"] == 3
    regions = read_regions(run_dir / BOUNDARY, len(CLASSES))
    np.testing.assert_array_equal(
        regions.counts(*TRIMAP).correct, read_per_image(run_dir / PER_IMAGE, len(CLASSES)).counts().correct
    )
    pictures = sorted(path.name for path in (run_dir / "pictures").iterdir())
    assert pictures == ["00000.png", "00001.png", "00002.png", "legend.png"]
    truth = np.array(PALETTE, np.uint8)[Shapes(size=64, test_images=3).split("test")[0].mask]
    side = 3 * 64  # enlarged
    shown = np.array(Image.open(run_dir / "pictures" / "00000.png"))[-side:, side + GAP : 2 * side + GAP]
    np.testing.assert_array_equal(shown, truth.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("protocol", ["full", "single_scale"])
def test_evaluate_at_the_crop_size_repeats_the_training_score(
    protocol: str, trained: Path, tmp_path: Path, script
) -> None:
    """On `shapes` an image is its own centre crop and its only window, so all must give the same number."""
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    options = (f"protocol={protocol}", "workers=0", "pictures=0", "absent=zero")
    script("evaluate", checkpoint, *options, f"hydra.run.dir={tmp_path}/e")
    ours, training = (json.loads((folder / "result.json").read_text()) for folder in (tmp_path / "e", trained))
    miou, pixacc = ours["metrics"].values()
    present = [iou for iou in training["iou"].values() if iou is not None]
    assert len(present) < len(CLASSES), "absent=zero is to differ from absent=skip"
    assert miou == pytest.approx(sum(present) / len(CLASSES), abs=1e-6)
    assert training["metrics"]["val/miou"] == pytest.approx(sum(present) / len(present), abs=1e-6)
    assert pixacc == pytest.approx(training["metrics"]["val/pixacc"], abs=1e-6)


def test_evaluate_never_overwrites_a_result(trained: Path, fails) -> None:
    before = (trained / "result.json").read_bytes()
    line = fails("evaluate", f"checkpoint={trained}/checkpoints/best.ckpt", f"hydra.run.dir={trained}")
    assert "is not overwritten" in line
    assert (trained / "result.json").read_bytes() == before


def test_predict_a_folder(trained: Path, tmp_path: Path, script) -> None:
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name, size in {"wide.jpg": (50, 90), "tall.png": (81, 33)}.items():
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(images / name)
    output = tmp_path / "out"
    script("predict", f"checkpoint={trained}/checkpoints/best.ckpt", f"images={images}", f"output={output}")
    assert (output / "legend.png").exists()
    for name, size in {"wide": (90, 50), "tall": (33, 81)}.items():
        mask, overlay = Image.open(output / "masks" / f"{name}.png"), Image.open(output / "overlays" / f"{name}.jpg")
        assert mask.size == overlay.size == size
        assert mask.mode == "P"
        assert tuple(mask.getpalette()[:3]) == PALETTE[0]
        assert np.array(mask).max() < len(CLASSES)


def test_paths_are_taken_as_they_are(trained: Path, tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    strange = tmp_path / "seed0,recipe.lr=0.02 (1)" / "käse & #图 [x] {a} $b 'c' \"d\" \\"
    strange.mkdir(parents=True)
    checkpoint = strange / "1,5=~.ckpt"
    checkpoint.write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes())
    Image.new("RGB", (40, 30)).save(strange / "a=b,ü.png")
    home = strange.relative_to(tmp_path)
    script("predict", f"checkpoint=~/{home / checkpoint.name}", f"images={strange}", f"output={strange}, out")
    assert Path(f"{strange}, out", "masks", "a=b,ü.png").exists()
    script("evaluate", f"checkpoint={checkpoint}", "workers=0", "pictures=0", f"hydra.run.dir={strange}/run")
    assert json.loads((strange / "run" / "result.json").read_text())["checkpoint"] == str(checkpoint)


def test_own_images_from_training_to_prediction(tmp_path: Path, script) -> None:
    root = write_dataset(tmp_path / "mine", images=4)
    run_dir = tmp_path / "run"
    size = ("augmentation.crop_size=32", "augmentation.base_size=32", "recipe.batch_size=2", "recipe.epochs=1")
    script(
        "train", "model=psp_jpu", "data=folder", f"data.root={root}", "model.backbone.name=tu-test_resnet", *size,
        "model.upsampling.width=16", "recipe.workers=0", "recipe.frozen_bn=true", "recipe.channels_last=true",
        "logger=csv", "trainer.precision=bf16-mixed", "trainer.accumulate_grad_batches=2",
        "trainer.gradient_clip_val=1", f"hydra.run.dir={run_dir}",
    )  # fmt: skip
    checkpoint = f"checkpoint={run_dir}/checkpoints/best.ckpt"
    script("evaluate", checkpoint, "workers=0", f"hydra.run.dir={tmp_path}/e")
    moved = root.rename(tmp_path / "moved")
    script("evaluate", checkpoint, f"data.root={moved}", "workers=0", f"hydra.run.dir={tmp_path}/e2")
    first, second = (json.loads((tmp_path / name / "result.json").read_text())["metrics"] for name in ("e", "e2"))
    assert first == second
    script("predict", checkpoint, f"images={moved}/images/val/0.jpg", f"output={tmp_path}/out")
    assert (tmp_path / "out" / "masks" / "0.png").exists()


def test_frozen_statistics_and_fine_tuning(trained: Path, tmp_path: Path, script) -> None:
    init = trained / "checkpoints" / "best.ckpt"
    script("train", *TINY_RUN, "recipe.epochs=1", "recipe.frozen_bn=true", f"init={init}", f"hydra.run.dir={tmp_path}")
    before, after = (
        torch.load(path, weights_only=True)["state_dict"] for path in (init, tmp_path / "checkpoints/last.ckpt")
    )
    for name, tensor in before.items():
        moved = not torch.equal(tensor, after[name])
        assert moved == (not name.endswith(("running_mean", "running_var", "num_batches_tracked"))), name


def test_fine_tuning_on_other_classes_keeps_all_but_the_last_layers(trained: Path, tmp_path: Path, composed) -> None:
    root = write_dataset(tmp_path / "mine")
    init = trained / "checkpoints" / "best.ckpt"
    options = ("model.backbone.name=tu-test_resnet", "model.upsampling.width=64", f"init={init}", "logger=csv")
    config = composed("data=folder", f"data.root={root}", *options)
    network = build_parts(read_config(config), tmp_path / "run").module.network
    before = load_network(init).state_dict()
    changed = [name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == [
        f"{layer}.{kind}" for layer in ("head.context.presence", "head.classify.1", "auxiliary.classify.1")
        for kind in ("weight", "bias")
    ]  # fmt: skip


def test_a_job_that_finds_nothing_to_resume_begins_with_pretrained_weights(tmp_path: Path, fails) -> None:
    line = fails(
        "train", *TINY_RUN, "resume=auto", "model.backbone.weights=missing.safetensors", f"hydra.run.dir={tmp_path}"
    )
    assert "model.backbone.weights=missing.safetensors is no file" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model=encnet_jpux",), "Available options in 'model': deeplabv3_jpu, deeplabv3_os8, encnet_jpu"),
        (("recipe.lrr=1",), "recipe.lrr is not a key of the configuration; close keys: recipe.lr"),
        (("+recipe.lrr=1",), "recipe.lrr is not an option; did you mean lr?"),
        (("data=camvid",), "data.root must be given"),
        (("data=camvid", "data.root=/nowhere"), "data.root=/nowhere is no folder"),
        (("data.val_split=holdout",), "no split 'holdout'; choose one of train, val, test"),
        (
            ("model.backbone.output_stride=4",),
            "model.backbone.output_stride=4 does not fit: input should be 8, 16 or 32",
        ),
        (
            ("model.backbone.name=resnot50",),
            "model.backbone.name=resnot50 is not an SMP encoder; close names: resnet50",
        ),
        (("recipe.lr=-1",), "recipe.lr must be positive, got -1"),
        (("recipe.batch_size=1000",), "fewer than one batch of 1000; lower recipe.batch_size"),
        (("resume=last",), "resume=last: no checkpoint at"),
        (("init=/nowhere.ckpt",), "no checkpoint at /nowhere.ckpt"),
        (
            ("logger.mode=sometimes",),
            "logger.mode=sometimes does not fit: input should be 'offline', 'online' or 'disabled'",
        ),
        (("recipe.lr=fast",), "recipe.lr=fast does not fit: input should be a valid number"),
        (("recipe.epochs=2.5",), "recipe.epochs=2.5 does not fit: input should be a valid integer"),
        (("checkpoint_every=often",), "checkpoint_every=often does not fit: input should be a valid integer"),
        (("+trainer.max_epochs=3",), "trainer.max_epochs is not an option: the suite sets it"),
        (("model.backbone.name=tu-hf-hub:owner/name",), "it is a plain name such as tu-resnet50s"),
        (("~model",), "cannot be set: ~model takes model away"),
        (("model=null",), "model=null takes away what cannot be left out"),
        (("+trainer.limit_train_batches=0.01",), "You requested to check 0.01 of the `train_dataloader`"),
        (("devices=999",), "devices=999, this machine has"),
        (("num_nodes=2",), "num_nodes=2, but nothing starts processes on other nodes"),
        (("trainer.accelerator=mps", "devices=1"), "MPSAccelerator"),
        (
            ("recipe.batch_size=1", "model=psp_jpu"),
            "recipe.batch_size=1: BatchNorm needs more than one value a channel",
        ),
        (("sede=1",), "sede is not a key of the configuration; close keys: seed"),
    ],
)
def test_mistakes_in_training_end_with_one_line(
    arguments: tuple[str, ...], message: str, fails, tmp_path: Path
) -> None:
    own_data = any(argument.startswith("data=") for argument in arguments)
    assert message in fails("train", *(() if own_data else TINY_RUN), *arguments, f"hydra.run.dir={tmp_path}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "+trainer.limit_test_batches=0"), "trainer.limit_test_batches must be 1 or more batches"),
        (("evaluate", "+data.size=0"), "data.size must be between 16 and 2048, got 0"),
        (("evaluate", "workers=-1"), "workers must be between 0 and 1024, got -1"),
        (("evaluate", "pictures=-1"), "pictures must be 0 or more, got -1"),
        (("evaluate", "devices=999"), "devices=999, this machine has"),
        (("evaluate", "protocol=single_scale", "protocol.crop_size=1"), "protocol.crop_size must be between 16 and"),
        (("evaluate", "protocol=single_scale", "protocol.name=../x"), "protocol.name must be letters, digits, _ and -"),
        (("evaluate", "protocol=null"), "protocol=null takes away what cannot be left out"),
        (("evaluate", "split=0"), "no split '0'; choose one of train, val, test"),
        (("predict", "device=meta"), "device must be auto, cpu, cuda or cuda:N, got meta"),
        (("predict", "device=nonsense"), "device must be auto, cpu, cuda or cuda:N, got nonsense"),
        (("predict", "device=cuda:99"), "device=cuda:99 is not here"),
        (("predict", "opacity=abc"), "opacity=abc does not fit: input should be a valid number"),
        (("predict", "+batch=1"), "batch is not an option; allowed: checkpoint, device"),
        (("predict", "workers=-1"), "workers must be between 0 and 1024, got -1"),
        (("predict", "temperature=0"), "temperature must be between 0.05 and 20, got 0"),
        (("predict", "write=[]"), "write"),
        (("predict", "optimise"), "optimise is no option; options are KEY=VALUE"),
        (("benchmark", "size=-1"), "size must be between 16 and 100000, got -1"),
        (("benchmark", "classes=0"), "classes must be between 1 and 65536, got 0"),
        (("benchmark", "rounds=0"), "rounds must be 1 or more, got 0"),
        (("benchmark", "batch=0"), "batch must be 1 or more, got 0"),
        (("benchmark", "+roundz=1"), "roundz is not an option; did you mean rounds?"),
        (("import_checkpoint", "source=x", "output=y", "output_stride=7"), "input should be 8, 16 or 32"),
        (("prepare_data", "data=voc", "workers=abc"), "workers=abc does not fit: input should be a valid integer"),
        (("train", "-m", "hydra.launcher.jobs=abc"), "hydra.launcher.jobs=abc does not fit"),
        (("train", "-m", "hydra/sweeper=basic", "hydra.sweeper.max_batch_size=0"), "max_batch_size must be 1 or more"),
        (("train", "seed=1", "-m", "hydra.launcher.share=0"), "hydra.launcher.share must be 1 or more, got 0"),
    ],
)
def test_values_out_of_range_end_with_one_line(
    arguments: tuple[str, ...], message: str, trained: Path, tmp_path: Path, fails
) -> None:
    script, *options = arguments
    image = tmp_path / "image.png"
    Image.new("RGB", (40, 30)).save(image)
    network = [f"checkpoint={trained}/checkpoints/best.ckpt"] if script in ("evaluate", "predict") else []
    folders = {"predict": [f"images={image}", f"output={tmp_path}/o"], "prepare_data": [f"data.root={tmp_path}/d"]}
    place = folders.get(script, [] if script == "import_checkpoint" else [f"hydra.run.dir={tmp_path}/run"])
    sweep = [f"hydra.sweep.dir={tmp_path}/sweep"] if "-m" in options else []
    assert message in fails(script, *network, *options, *place, *sweep)


def test_what_the_end_needs_is_there_before_the_beginning(trained: Path, tmp_path: Path, fails) -> None:
    for script, options, folder in (
        ("train", (*TINY_RUN, "protocol=full"), "truth"),
        ("evaluate", (f"checkpoint={trained}/checkpoints/best.ckpt",), "pictures"),
    ):
        run_dir = tmp_path / script
        run_dir.mkdir()
        (run_dir / folder).write_text("no folder")
        assert f"{run_dir / folder}: File exists" in fails(script, *options, f"hydra.run.dir={run_dir}")
        assert not (run_dir / "metrics.csv").exists()


def test_other_mistakes_end_with_one_line(trained: Path, tmp_path: Path, fails) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    run_dir = f"hydra.run.dir={tmp_path}/e"
    root = write_dataset(tmp_path / "mine")
    assert "checkpoint must be given" in fails("evaluate", run_dir)
    assert "Available options in 'protocol': full, multi_scale" in fails(
        "evaluate", checkpoint, "protocol=tiny", run_dir
    )
    line = fails("evaluate", checkpoint, "data=folder", f"data.root={root}", run_dir)
    assert "the network predicts 12 classes (sky, pavement, hedge, ...), data=folder has 3 (road, sky, tree" in line
    assert "images=/nowhere is not here" in fails("predict", checkpoint, "images=/nowhere", f"output={tmp_path}/o")
    assert "opacity must be between 0 and 1" in fails(
        "predict", checkpoint, f"images={root}/images/val", f"output={tmp_path}/o", "opacity=3"
    )
    Image.new("RGB", (20, 30)).save(root / "images" / "val" / "0.png")
    line = fails("predict", checkpoint, f"images={root}/images/val", f"output={tmp_path}/o")
    assert "0.jpg and 0.png would both become 0.png" in line
    assert not (tmp_path / "o").exists()


def test_runs_are_not_mixed(trained: Path, fails, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in trained.iterdir() if path.is_file() and path.suffix != ".log"}
    line = fails("train", *TRAINED_RUN, f"hydra.run.dir={trained}")
    assert "holds another run (checkpoints/" in line
    assert "add resume=last" in line
    for change, message in {
        "recipe.lr=0.5": "was trained with recipe.lr=0.1, now it is 0.5; repeat the options of its run",
        "seed=7": "was trained with run.seed=0, now it is 7; repeat the options of its run",
        "model=psp_jpu": "was trained with model.head._target_=fastfcn.models.heads.encnet.EncNetHead",
    }.items():
        assert message in fails("train", *TRAINED_RUN, change, "resume=last", f"hydra.run.dir={trained}")
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "weights.pth").write_bytes(b"no checkpoint")
    assert "weights.pth is no checkpoint" in fails(
        "train", *TRAINED_RUN, f"resume={tmp_path}/weights.pth", f"hydra.run.dir={tmp_path}"
    )


def test_a_run_goes_on_in_another_folder_with_its_best(trained: Path, script, tmp_path: Path) -> None:
    script("train", *TRAINED_RUN, f"resume={trained}/checkpoints/last.ckpt", f"hydra.run.dir={tmp_path}")
    ours, before = (json.loads((folder / "result.json").read_text())["metrics"] for folder in (tmp_path, trained))
    assert ours == before


def test_the_best_weights_are_scored_and_not_the_last(script, tmp_path: Path, monkeypatch) -> None:
    """Which epoch of a short training is the best depends on the processor, so the last is spoiled: all is wire."""

    def spoil(self: EpochLog, trainer: L.Trainer, module: SegmentationModule, *_: Any) -> None:
        if is_last_step(trainer):
            convolutions = [each for each in module.network.head.modules() if isinstance(each, torch.nn.Conv2d)]
            convolutions[-1].bias.data[-1] = 1e4

    monkeypatch.setattr(EpochLog, "on_train_batch_end", spoil)
    script("train", *TINY_RUN, "recipe.epochs=2", f"hydra.run.dir={tmp_path}")
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    first, last = (float(row["val/miou"]) for row in rows if row["val/miou"])
    assert last < first
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["metrics"]["val/miou"] == pytest.approx(first, abs=1e-6)
    epochs = [
        torch.load(tmp_path / f"checkpoints/{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")
    ]
    assert epochs == [0, 1]


def test_a_limited_epoch_ends_in_validation(script, tmp_path: Path) -> None:
    script("train", *TINY_RUN, "+trainer.limit_train_batches=3", "recipe.epochs=3", f"hydra.run.dir={tmp_path}")
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert len([row for row in rows if row["train/loss"]]) == 9
    assert len([row for row in rows if row["val/miou"]]) == 3


def test_without_validation_the_last_weights_are_scored(script, tmp_path: Path) -> None:
    at_once = ("trainer.check_val_every_n_epoch=5", "+trainer.max_time={seconds:0}")
    script("train", *TINY_RUN, *at_once, f"hydra.run.dir={tmp_path}")
    assert json.loads((tmp_path / "result.json").read_text())["metrics"]["val/miou"] > 0
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_every_protocol_through_the_scripts(trained: Path, tmp_path: Path, script) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    for protocol, name in {"single_scale": "ss", "multi_scale": "ms"}.items():
        folder = tmp_path / name
        script("evaluate", checkpoint, f"protocol={protocol}", "workers=0", f"hydra.run.dir={folder}")
        assert set(json.loads((folder / "result.json").read_text())["metrics"]) == {
            f"val/miou_{name}",
            f"val/pixacc_{name}",
        }
    Image.new("RGB", (70, 41)).save(tmp_path / "black.png")
    options = ("protocol=multi_scale", "protocol.fusion=softmax", "protocol.crop_size=48")
    script("predict", checkpoint, f"images={tmp_path}/black.png", f"output={tmp_path}/out", *options)
    assert Image.open(tmp_path / "out" / "masks" / "black.png").size == (70, 41)


def test_a_bad_mask_is_named_from_inside_a_worker(tmp_path: Path, fails) -> None:
    root = write_dataset(tmp_path / "mine", images=4)
    for path in (root / "masks" / "train").iterdir():
        Image.fromarray(np.full((20, 30), 9, np.uint8)).save(path)
    line = fails(
        "train", "data=folder", f"data.root={root}", "model.backbone.name=tu-test_resnet", "recipe.workers=1",
        "recipe.batch_size=2", "augmentation.crop_size=32", "augmentation.base_size=32", "logger=csv",
        f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert "holds the value 9, but there are 3 classes" in line


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noticed before the next checkpoint is written, and the one before stays."""
    whole_loss, calls = SegmentationLoss.forward, []

    def spoiled(self, prediction, masks, **options):
        losses = whole_loss(self, prediction, masks, **options)
        calls.append(prediction.logits.requires_grad)
        return replace(losses, total=losses.total * float("nan")) if sum(calls) > 2 else losses

    monkeypatch.setattr(SegmentationLoss, "forward", spoiled)
    seldom = ("data.train_images=32", "trainer.log_every_n_steps=100", "checkpoint_every=2")
    line = fails("train", *TINY_RUN, *seldom, f"hydra.run.dir={tmp_path}")
    assert sum(calls) == 4
    assert "the loss is nan at step 2 (epoch 0); begin again with a lower recipe.lr" in line
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    load_network(tmp_path / "checkpoints" / "last.ckpt")
