"""The page: prepare_data.py look=true."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from fastfcn.data.dataset import IGNORE
from fastfcn.data.images import read_indices
from fastfcn.data.looking.findings import commonest, gallery, imbalance, near_duplicates, statistics
from fastfcn.data.looking.measure import Seen, measure
from fastfcn.data.pairs import FileData
from fastfcn.data.palette import hexadecimal
from fastfcn.data.preparing.masks import in_parallel
from fastfcn.data.preparing.verify import check_of, count_faults, list_splits, stem_faults
from fastfcn.files import write_atomically

PAGE, TEMPLATES = "look.html", "data/looking/template"
THUMBNAIL = 240  # pixels of the longer side
SHOWN, PAIRS = 30, 6  # faults and near-duplicates; of these with pictures
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation that pretrained networks subtract


def look(data: FileData, workers: int) -> Path:
    """Read every file and write the page into data.root. Raises FileNotFoundError if there are no images."""
    from fastfcn.training.class_weights import inverse_logarithms  # imports the losses

    listing = [*count_faults(data), *stem_faults(data)]
    if data.bands.measures:
        data.settle()
    items = [
        (split, check_of(data, pair))
        for split, pairs in list_splits(data).items()
        for pair in pairs
        if pair.image.is_file() and pair.mask is not None and pair.mask.is_file()
    ]
    found = list(in_parallel(measure, items, description="looking", workers=workers))
    sound = [each for each in found if not each.faults]
    if not sound:
        raise FileNotFoundError(
            f"data.root={data.root} has no image with a mask that can be read; verify=true says why"
        )
    faults = [*listing, *(fault for each in found for fault in each.faults)]
    trained = [each for each in sound if each.split == data.train_split] or sound
    pixels = np.sum([each.pixels for each in trained], 0)[: len(data.classes)]
    weights = inverse_logarithms(pixels)
    twins = near_duplicates(sound)
    path = data.root / PAGE
    environment = Environment(
        loader=PackageLoader("fastfcn", TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    text = environment.get_template("look.html").render(
        data=data,
        style=Markup((files("fastfcn") / TEMPLATES / "look.css").read_text()),
        splits=Counter(each.split for each in sound),
        faults=faults,
        shown=SHOWN,
        warnings=[*data.warnings()] if not listing else [],
        classes=_classes(data, sound, weights),
        imbalance=imbalance(pixels, data.classes) if pixels.any() else "no pixel is of a class",
        weights=", ".join(f"{weight:g}" for weight in weights),
        sizes=commonest([f"{width} x {height}" for width, height in (each.size for each in sound)]),
        modes=commonest([each.mode for each in sound]),
        statistics=_statistics(data, sound),
        twins=[(each, *(_picture(data, one) for one in each[:2])) for each in twins[:PAIRS]],
        twin_names=[(one.name, other.name) for one, other, _ in twins[PAIRS:SHOWN]],
        twin_count=len(twins),
        gallery=[(why, each.name, _picture(data, each, labelled=True)) for why, each in gallery(sound, data.classes)],
    )
    write_atomically(path, text.encode())
    return path


def _statistics(data: FileData, seen: Sequence[Seen]) -> list[tuple[object, ...]]:
    """Return a row a channel: name, mean and deviation, and ImageNet's of those that it knows."""
    if data.bands.count is None:
        return list(zip(("red", "green", "blue"), *statistics(seen), *IMAGENET, strict=True))
    return [(channel, *each, "", "") for channel, each in enumerate(zip(*statistics(seen), strict=True))]


def _classes(data: FileData, seen: Sequence[Seen], weights: Sequence[float]) -> list[dict[str, Any]]:
    """Return a row a class, and one for pixels of none: shares and images in each split."""
    splits = dict.fromkeys(each.split for each in seen)
    rows = []
    for index, name in [*enumerate(data.classes), (IGNORE, "of no class")]:
        cells = []
        for split in splits:
            pixels = np.array([each.pixels for each in seen if each.split == split])
            cells.append((100 * pixels[:, index].sum() / max(pixels.sum(), 1), int((pixels[:, index] > 0).sum())))
        known = index < len(data.classes)
        rows.append({
            "index": index if known else "", "name": name, "cells": cells,
            "colour": hexadecimal(data.palette[index]) if known else "#ffffff",
            "weight": f"{weights[index]:g}" if known else "",
        })  # fmt: skip
    return rows


def _picture(data: FileData, seen: Seen, *, labelled: bool = False) -> str:
    """Return a small image, or beside it one with its labels on it, as a data URL."""
    from fastfcn.pictures import overlay

    image = data.visible(data.bands.read(seen.pair.image, upright=data.upright))
    scale = THUMBNAIL / max(image.shape[:2])
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    small = np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    if labelled:
        assert seen.pair.mask is not None
        mask = data.labels.apply(read_indices(seen.pair.mask))
        labels = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        small = np.hstack([small, overlay(small, labels, data.palette)])
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
