"""Small result folders as a sweep leaves them, and an experiment for them."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastfcn.reporting.comparison.runs import Result, Run

CLASSES = ("sky", "road", "tree")
COLOURS = (135, 206, 235, 128, 128, 128, 34, 139, 34)
GFLOPS = {"none": 20.0, "bilinear": 30.5, "jpu": 27.7, "dilated": 62.0}
SECONDS = {"bilinear": 720.0, "jpu": 6000.0}

README = """# Which module?

One head,
four modules.

```
python src/train.py -m
```
"""

SWEEP = """
protocol: single_scale
rows: {none: a=1, bilinear: a=2, jpu: a=3, dilated: a=4}
"""

PUBLISHED = """
settings:
  - dataset: pascal_context
    split: val
    protocol: ss
    backbone: tu-resnet50s
    source: the paper
    rows:
      dilated: {miou: 49.91, fps: 18.77}
      jpu: {miou: 51.05, fps: 37.56}
"""


def content(row: str = "jpu", *, seed: int = 0, miou: float = 0.5, **changes: Any) -> dict[str, Any]:
    """What result.json of a job holds."""
    named = {"split": "val", "protocol": "ss", **changes}
    backbone = named.pop("backbone", "tu-resnet18")
    key = f"{named['split']}/{{}}_{named['protocol']}"
    return {
        "metrics": {"val/miou": 0.1, key.format("miou"): miou, key.format("pixacc"): min(1.0, miou + 0.3)},
        "iou": {"sky": miou + 0.1, "road": miou - 0.1, "tree": None},
        "model": {"backbone": backbone, "output_stride": 32, "upsampling": row, "head": "encnet"},
        "data": "shapes",
        "seed": seed,
        "commit": "0123abc",
        "versions": {"python": "3.11.7", "torch": "2.9.0"},
        "device": "cpu (x86_64)",
        "parameters": 13_390_148,
        "gflops": GFLOPS.get(row, 40.0),
        "seconds": SECONDS.get(row, 240.0),
        "experiment": "upsampling",
        "row": row,
        "steps": 100,
        **named,
    }


def run(row: str = "jpu", *, seed: int = 0, miou: float = 0.5, **changes: Any) -> Run:
    """A run that lies nowhere."""
    return Run(Path(f"{row}/seed{seed}"), Result.model_validate(content(row, seed=seed, miou=miou, **changes)))


def write_run(root: Path, row: str = "jpu", *, seed: int = 0, pictures: Sequence[str] = (), **changes: Any) -> Path:
    """Write the folder of one job: result.json, metrics.csv and pictures of the names given."""
    folder = root / row / f"seed{seed}"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(content(row, seed=seed, **changes)))
    with (folder / "metrics.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("epoch", "step", "train/loss", "val/miou"))
        for step in range(9, 100, 10):
            writer.writerow((0, step, 2 - step / 100 + 0.1 * seed, ""))
            writer.writerow((0, step, "", 0.2 + step / 500 + 0.01 * seed))
    rng = np.random.default_rng(seed)
    for name in pictures:
        photograph = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        labels = Image.fromarray(rng.integers(0, 3, (24, 32), dtype=np.uint8)).convert("L")
        labels.putpalette(COLOURS + (0,) * (768 - len(COLOURS)))
        for kind, picture in (("images", photograph), ("truth", labels), ("predictions", labels)):
            (folder / kind).mkdir(exist_ok=True)
            picture.save(folder / kind / f"{name}.png")
    return folder


def write_experiment(root: Path) -> Path:
    """Write the folder of an experiment of four rows, two of which are published."""
    folder = root / "upsampling"
    folder.mkdir(parents=True)
    for name, text in {"README.md": README, "published.yaml": PUBLISHED, "sweep.yaml": SWEEP}.items():
        (folder / name).write_text(text)
    return folder


def write_results(root: Path) -> None:
    """Write two seeds of three of the rows: jpu is better than none, and bilinear lies between them."""
    for seed in (0, 1):
        write_run(root, "jpu", seed=seed, miou=0.60 + 0.02 * seed, pictures=("00003", "00007"))
        write_run(root, "none", seed=seed, miou=0.30 + 0.01 * seed, pictures=("00003", "00007"))
        write_run(root, "bilinear", seed=seed, miou=0.40 + 0.10 * seed, pictures=("00003",))
