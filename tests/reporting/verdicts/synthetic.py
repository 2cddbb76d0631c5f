"""Tables whose truth is known: images of some difficulty, rows of some quality, seeds about it."""

from pathlib import Path
from typing import Any

import numpy as np

from fastfcn.reporting.per_image import NAME, Counts, PerImage, write_per_image
from fastfcn.reporting.verdicts.bootstrap import class_iou, mean_iou
from tests.reporting.comparison.synthetic import write_run

POINT = 0.0073  # of the share of wrong pixels, that cost one point of mIoU where a fifth is wrong
CLASSES = 4


def truth_of(images: int, rng: np.random.Generator) -> np.ndarray:
    """Pixels by image and class (N, C); a class is not in every image."""
    present = rng.random((images, CLASSES)) < 0.8
    return np.round(present * rng.uniform(500, 1500, (images, CLASSES)))


def counts_of(truth: np.ndarray, wrong: np.ndarray) -> Counts:
    """A run that gives the share `wrong` (N,) of every class's pixels to the class after it."""
    lost = np.round(truth * np.clip(wrong, 0, 1)[:, None])
    return Counts(truth - lost, truth, truth - lost + np.roll(lost, 1, axis=1))


def table(
    rows: dict[str, float], *, seeds: int, images: int, rng: np.random.Generator, spread: float = 0.5
) -> tuple[np.ndarray, dict[str, list[Counts]]]:
    """Runs of `rows`, which lose so many points each; seeds and images move every row by `spread` points and more."""
    truth = truth_of(images, rng)
    difficulty = 0.2 + 0.08 * rng.standard_normal(images)
    runs = {}
    for row, points in rows.items():
        own = difficulty + POINT * points + 0.03 * rng.standard_normal(images)
        moved = spread * POINT * rng.standard_normal(seeds)
        runs[row] = [counts_of(truth, own + each + 0.02 * rng.standard_normal(images)) for each in moved]
    return truth, runs


def images_of(counts: Counts) -> PerImage:
    """The same as a file holds it."""
    right, lost = (each.astype(int) for each in (counts.correct, counts.truth - counts.correct))
    place = np.arange(CLASSES)
    dense = np.zeros((len(right), CLASSES, CLASSES), int)
    dense[:, place, place], dense[:, place, (place + 1) % CLASSES] = right, lost
    flat = dense.reshape(len(dense), -1)
    cells = [np.stack((each.nonzero()[0], each[each > 0])) for each in flat]
    return PerImage.of([f"val_{index:05d}" for index in range(len(dense))], cells, CLASSES)


def write_table(root: Path, rows: dict[str, float], *, seeds: int = 3, images: int = 60, **changes: Any) -> None:
    """Write the folders of a sweep's jobs, each with its images."""
    _, runs = table(rows, seeds=seeds, images=images, rng=np.random.default_rng(0))
    for row, each in runs.items():
        for seed, counts in enumerate(each):
            iou = class_iou(counts.correct.sum(0), counts.truth.sum(0), counts.predicted.sum(0))
            named = dict(zip("abcd", iou.tolist(), strict=True))
            folder = write_run(root, row, seed=seed, miou=float(mean_iou(iou)), iou=named, **changes)
            write_per_image(folder / NAME, images_of(counts))
