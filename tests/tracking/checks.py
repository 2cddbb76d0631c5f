"""What every run must have logged, whoever started it."""

import json
from typing import Any

import numpy as np
from PIL import Image

from fastfcn.data.palette import hexadecimal
from fastfcn.data.shapes import CLASSES, PALETTE
from fastfcn.tracking import keys
from fastfcn.tracking.offline import OfflineRun

STEPS = {
    "train/loss", "train/loss_segmentation", "train/loss_auxiliary", "train/loss_presence", "grad_norm", "images/s",
    "data_wait", "lr-SGD/backbone", "lr-SGD/upsampling", "lr-SGD/head", "lr-SGD/auxiliary",
}  # fmt: skip
EPOCHS = {"val/loss", "val/miou", "val/pixacc", "peak_memory_gb", "val/images"}
END = {"val/miou_ss", "val/pixacc_ss", "val/iou_by_class", "val/confusion_matrix_table"}


def assert_complete(run: OfflineRun, *, size: int, row: str, seed: int) -> None:
    """Assert that a run of a row of `upsampling` on shapes of `size` has all that dashboards show."""
    assert (run.name, run.group, run.job_type, run.project) == (f"{row}-seed{seed}", "upsampling", "train", "fastfcn")
    assert {"head=encnet", "output_stride=32", "backbone=tu-test_resnet", "data=shapes", f"seed={seed}"} < set(run.tags)
    assert run.exit_code == 0
    assert_configured(run, row=row, seed=seed, size=size)
    logged = {key for line in run.history for key in line}
    steps = STEPS - (set() if row != "none" else {"lr-SGD/upsampling"})  # which has no parameters
    assert logged >= steps | EPOCHS | END
    for key in steps | EPOCHS - {"val/images"} | {"val/miou_ss", "val/pixacc_ss"}:
        values = [line[key] for line in run.history if key in line]
        assert values
        assert all(isinstance(value, float) and np.isfinite(value) for value in values), key
    assert run.summary["best/miou"] == run.summary["val/miou_ss"]
    assert run.summary["best/pixacc"] == run.summary["val/pixacc_ss"]
    assert run.summary["best/protocol"] == "ss"
    assert run.summary["bench/fps"] > 0
    assert run.summary["bench/gflops"] > 0
    assert run.summary["bench/parameters"] > 10_000
    assert_pictures(run, size)
    assert_tables(run)


def assert_configured(run: OfflineRun, *, row: str, seed: int, size: int) -> None:
    """Assert that the configuration is nested and resolved, with the names of the parts and the classes."""
    assert run.config["recipe"]["lr"] == 0.01
    assert run.config["data"]["size"] == size
    assert (run.config["row"], run.config["seed"], run.config["experiment"]) == (row, seed, "upsampling")
    assert run.config["network"] == {
        "backbone": "tu-test_resnet", "output_stride": 32, "upsampling": row, "head": "encnet",
    }  # fmt: skip
    assert run.config["classes"] == list(CLASSES)
    assert run.config["palette"] == [hexadecimal(colour) for colour in PALETTE]
    own = {key: value for key, value in run.config.items() if key != "_wandb"}
    assert "${" not in json.dumps(own)


def assert_pictures(run: OfflineRun, size: int) -> None:
    """Assert that images decode, show something, have the image's size, and masks hold nothing but named classes."""
    shown = [line[keys.IMAGES] for line in run.history if keys.IMAGES in line]
    assert shown
    for pictures in shown:
        for file, masks in zip(pictures["filenames"], pictures["all_masks"], strict=True):
            image = np.asarray(Image.open(run.media_path(file)))
            assert image.shape == (size, size, 3)
            assert image.std() > 5
            for kind in (keys.PREDICTION, keys.TRUTH):
                named = run.config["_wandb"]["mask/class_labels"][f"{keys.IMAGES}_wandb_delimeter_{kind}"]["value"]
                assert named == {**{str(place): name for place, name in enumerate(CLASSES)}, "255": "ignored"}
                mask = np.asarray(Image.open(run.media_path(masks[kind]["path"])))
                assert mask.shape == (size, size)
                assert {str(value) for value in np.unique(mask)} <= set(named)


def assert_tables(run: OfflineRun) -> None:
    """Assert that there is a table of a row a class, and one of the confusion of every two."""
    iou = table(run, keys.CLASS_TABLE)
    assert [name for name, _ in iou] == list(CLASSES)
    present = [value for _, value in iou if value is not None]
    assert abs(np.mean(present) - run.summary["best/miou"]) < 1e-6
    for name, value in iou:
        assert run.summary.get(keys.class_key(name)) == value
    confusion = table(run, f"{keys.CONFUSION}_table")
    assert {name for truth, prediction, _ in confusion for name in (truth, prediction)} <= set(CLASSES)
    right = sum(count for truth, prediction, count in confusion if truth == prediction)
    assert abs(right / sum(count for _, _, count in confusion) - run.summary["best/pixacc"]) < 1e-6


def table(run: OfflineRun, key: str) -> list[list[Any]]:
    """Read the rows of a logged table."""
    rows: list[list[Any]] = json.loads(run.media_path(run.summary[key]["path"]).read_text())["data"]
    return rows
