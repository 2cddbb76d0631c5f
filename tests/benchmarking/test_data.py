"""what=data measures every pipeline on the same draws, and says which side waits."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastfcn.benchmarking.data import DECODE, PILLOW, STEP, SUITE, DataBenchmark, drawn, speed, verdict
from fastfcn.benchmarking.pillow import as_pictures, augment, to_tensors
from fastfcn.benchmarking.timing import Timing
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.loading import TrainingSamples
from fastfcn.data.sampling import Draw, derive_seed
from fastfcn.data.shapes import Shapes
from fastfcn.models.normalisation import IMAGENET
from tests.conftest import TINY_MODEL
from tests.data.test_folder import write_dataset

SMALL = (
    "what=data",
    *TINY_MODEL[:1],
    "model.upsampling.width=32",
    "recipe.batch_size=2",
    "recipe.workers=1",
    "rounds=2",
    "what.images=4",
    "augmentation.crop_size=64",
    "augmentation.base_size=64",
)


def test_files_are_measured_beside_decoding_and_the_step(tmp_path: Path, script, capsys) -> None:
    root = write_dataset(tmp_path / "mine", images=5)
    script("benchmark", *SMALL, "data=folder", f"data.root={root}", f"hydra.run.dir={tmp_path}/run")
    content = json.loads((tmp_path / "run" / "benchmark.json").read_text())
    speeds = content["images_per_second"]
    assert list(speeds) == [DECODE, PILLOW, SUITE, "the suite, 1 workers", STEP]
    assert all(0 < figures["min"] <= figures["median"] <= figures["max"] for figures in speeds.values())
    assert [content[key] for key in ("images", "batch", "size", "data")] == [4, 2, 64, "folder"]
    output = capsys.readouterr().out
    assert "4 images a round" in output
    assert "wait" in output


def test_generated_data_has_no_files_to_decode(tmp_path: Path, script) -> None:
    options = ("data.size=32", "data.train_images=8", "recipe.workers=0", "what.step=false")
    script("benchmark", *SMALL[:1], *SMALL[3:], "data=shapes", *options, f"hydra.run.dir={tmp_path}")
    speeds = json.loads((tmp_path / "benchmark.json").read_text())["images_per_second"]
    assert list(speeds) == [PILLOW, SUITE, "the suite, 0 workers"]


def test_a_dataset_must_be_given(fails) -> None:
    assert "what=data measures a dataset: give data=NAME" in fails("benchmark", "what=data")
    with pytest.raises(ValueError, match=r"what.images must be 1 or more, got 0"):
        DataBenchmark(images=0, step=False)


def test_every_pipeline_gets_the_same_draws() -> None:
    augmentation = Augmentation(crop_size=48, base_size=48, scale=(0.5, 2.0), flip=0.5, blur=0.0)
    samples = TrainingSamples(Shapes(size=64, train_images=8).split("train"), augmentation)
    for index in range(8):
        draw = Draw(index, derive_seed(0, 0, index))
        ours = samples[draw]
        pictures = augment(*as_pictures(samples.split[index]), drawn(augmentation, samples.split, draw), 48)
        assert np.abs(ours.image.permute(1, 2, 0).int().numpy() - np.array(pictures[0])).mean() < 1
        pixels, labels = to_tensors(*pictures)
        assert (IMAGENET.normalise(ours.image[None])[0] - pixels).abs().mean() < 0.03
        assert (ours.mask == labels).float().mean() > 0.97


def test_speeds_and_verdict() -> None:
    assert speed(Timing([0.5, 0.25, 1.0]), 100) == {"median": 200.0, "min": 100.0, "max": 400.0}
    thirty, fifty = speed(Timing([1.0]), 30), speed(Timing([1.0]), 50)
    assert "about 4 workers" in verdict(one_core=thirty, loader=fifty, step=speed(Timing([1.0]), 100))
    assert verdict(one_core=thirty, loader=fifty, step=thirty).startswith("the data wait: 50.0")
