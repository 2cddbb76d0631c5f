"""Exports of labelling tools in small: two images of 12 x 8, of which the first shows a rectangle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from fastfcn.data.converting.command import build_reader
from fastfcn.data.converting.conversion import Conversion, convert
from fastfcn.data.converting.outcome import Result
from fastfcn.data.converting.splitting import Splitting
from fastfcn.installation import CONF

WIDTH, HEIGHT = 12, 8
RECTANGLE = [[2, 1], [8, 1], [8, 5], [2, 5]]


def image(path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def mask(path: Path, values: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values)
    (picture if mode is None else picture.convert(mode)).save(path)
    return path


def grid(*, inside: Any = 1, outside: Any = 0, dtype: Any = np.uint8) -> np.ndarray:
    """Return values (H, W), or colours (H, W, 3), of a rectangle."""
    values = np.empty((HEIGHT, WIDTH, *np.shape(inside)), dtype)
    values[:] = outside
    values[1:5, 2:8] = inside
    return values


def masks(root: Path, values: np.ndarray | None = None) -> Path:
    for index in range(2):
        image(root / "images" / f"{index}.jpg", seed=index)
        mask(root / "masks" / f"{index}.png", grid() if values is None else values)
    return root


def coco(root: Path) -> Path:
    flat = [each for point in RECTANGLE for each in point]
    content = {
        "images": [
            {"id": index + 1, "file_name": f"{index}.jpg", "width": WIDTH, "height": HEIGHT} for index in range(2)
        ],
        "categories": [{"id": 7, "name": "road"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [flat], "iscrowd": 0, "bbox": [2, 1, 6, 4]},
            {"id": 2, "image_id": 2, "category_id": 3, "segmentation": [flat], "iscrowd": 0},
        ],
    }
    for index in range(2):
        image(root / "images" / f"{index}.jpg", seed=index)
    (root / "annotations").mkdir()
    (root / "annotations" / "instances.json").write_text(json.dumps(content))
    return root


def labelme(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for index, label in enumerate(("road", "car")):
        image(root / f"{index}.jpg", seed=index)
        shape = {"label": label, "points": RECTANGLE, "group_id": None, "shape_type": "polygon", "flags": {}}
        content = {
            "version": "5.5.0", "flags": {}, "shapes": [shape], "imagePath": f"{index}.jpg", "imageData": None,
            "imageHeight": HEIGHT, "imageWidth": WIDTH,
        }  # fmt: skip
        (root / f"{index}.json").write_text(json.dumps(content))
    return root


def cvat(root: Path) -> Path:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in RECTANGLE)
    labels = "".join(f"<label><name>{name}</name><color>#0a0b0c</color></label>" for name in ("road", "car"))
    images = "".join(
        f'<image id="{index}" name="{index}.jpg" width="{WIDTH}" height="{HEIGHT}">'
        f'<polygon label="{label}" source="manual" occluded="0" points="{points}" z_order="0"/></image>'
        for index, label in enumerate(("road", "car"))
    )
    for index in range(2):
        image(root / "images" / f"{index}.jpg", seed=index)
    text = (
        f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>{images}</annotations>"
    )
    (root / "annotations.xml").write_text(text)
    return root


def yolo(root: Path) -> Path:
    shares = " ".join(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in RECTANGLE)
    (root / "labels" / "train").mkdir(parents=True)
    for index in range(2):
        image(root / "images" / "train" / f"{index}.jpg", seed=index)
        (root / "labels" / "train" / f"{index}.txt").write_text(f"{index} {shares}\n")
    (root / "data.yaml").write_text("train: images/train\nnc: 2\nnames:\n  0: road\n  1: car\n")
    return root


def voc(root: Path) -> Path:
    for index in range(2):
        image(root / "JPEGImages" / f"{index}.jpg", seed=index)
        mask(root / "SegmentationClass" / f"{index}.png", grid(inside=(128, 0, 0), outside=(0, 0, 0)))
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for index, split in enumerate(("train", "val")):
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(f"{index}\n")
    return root


EXPORTS = {"masks": masks, "coco": coco, "labelme": labelme, "cvat": cvat, "yolo": yolo, "voc": voc}


def converted(kind: str, source: Path, out: Path, *, remap: Any = None, **options: Any) -> Result:
    """Convert as the command does; options are those of the kind, and of the split."""
    out.mkdir(exist_ok=True)
    known = {key: options.pop(key, None) for key in ("val", "test", "group")}
    splitting = Splitting(**known, seed=options.pop("seed", 0), resplit=options.pop("resplit", False))
    settings = {"upright": options.pop("upright", True), "skip_faults": options.pop("skip_faults", False)}
    reader = build_reader({**yaml.safe_load((CONF / "from" / f"{kind}.yaml").read_text()), **options})
    return convert(reader, Conversion(source, out, remap or {}, splitting, workers=1, **settings))


def masks_of(out: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.array(Image.open(path)) for path in sorted(out.glob("masks/*/*.png"))}
