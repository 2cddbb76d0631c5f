"""Each image's confusion, against counting pixel by pixel and against the whole split's."""

import itertools
from pathlib import Path

import numpy as np
import torch

from fastfcn.data.dataset import IGNORE
from fastfcn.data.shapes import Shapes
from fastfcn.evaluation.confusions import ImageConfusions, write_images
from fastfcn.metrics import SegmentationScores
from fastfcn.reporting.per_image import NAME, read_per_image

CLASSES = 7


def batch(seed: int, *, images: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Predicted and true classes, some of which occur nowhere and a third of which are ignored."""
    draw = torch.Generator().manual_seed(seed)
    labels, masks = (torch.randint(0, CLASSES - 2, (images, 9, 13), generator=draw) for _ in range(2))
    masks[torch.rand(masks.shape, generator=draw) < 0.3] = IGNORE
    return labels, masks.to(torch.uint8)


def test_the_images_sum_to_the_confusion_of_the_split(tmp_path: Path) -> None:
    counted, summed = ImageConfusions(CLASSES), SegmentationScores(CLASSES)
    batches = [batch(0), batch(1, images=3), batch(2), (batch(3)[0], torch.full((1, 9, 13), IGNORE))]
    index = itertools.count()
    for labels, masks in batches:
        summed.update(labels, masks.long())
        for label, mask in zip(labels, masks, strict=True):
            counted.add(label[None], mask[None], next(index))
    write_images(tmp_path, counted.gathered(1), Shapes(val_images=6).split("val"), CLASSES)
    images = read_per_image(tmp_path / NAME, CLASSES)
    np.testing.assert_array_equal(images.confusion, summed.scores().confusion.numpy())
    assert images.names == tuple(f"val_{index:05d}" for index in range(6))
    assert images.lengths[5] == 0  # no pixel of the last counts
    expected = np.zeros((CLASSES, CLASSES), np.int64)
    for label, truth in zip(batches[1][0][2].flatten(), batches[1][1][2].flatten(), strict=True):
        if truth != IGNORE:
            expected[truth, label] += 1
    counts = images.counts()
    np.testing.assert_array_equal(counts.correct[3], expected.diagonal())
    np.testing.assert_array_equal(counts.truth[3], expected.sum(1))
    np.testing.assert_array_equal(counts.predicted[3], expected.sum(0))


def test_what_stands_in_for_an_image_is_no_image(tmp_path: Path) -> None:
    counted = ImageConfusions(CLASSES)
    counted.add(*batch(0), 0)
    counted.add(*batch(1), 1)  # as the second of two processes does where the split has one image
    write_images(tmp_path, counted.gathered(1), Shapes(val_images=1).split("val"), CLASSES)
    assert read_per_image(tmp_path / NAME, CLASSES).names == ("val_00000",)
