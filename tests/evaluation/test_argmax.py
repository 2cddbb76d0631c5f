"""Labels without the scores of all classes: the same, bit for bit."""

import pytest
import torch

from fastfcn.evaluation.argmax import resized_argmax
from fastfcn.models.layers.resize import resize


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("classes", [1, 3, 16, 19, 21, 37, 150])
def test_equals_the_argmax_of_all_classes(
    classes: int, memory_format: torch.memory_format, align_corners: bool
) -> None:
    generator = torch.Generator().manual_seed(classes)
    for size, target in (((9, 13), (72, 104)), ((9, 13), (65, 97)), ((1, 20), (1, 300)), ((7, 5), (7, 5))):
        for dtype in (torch.float32, torch.bfloat16):
            scores = torch.randn(2, classes, *size, generator=generator).mul(4).round().div(4)  # with ties
            scores = (scores + 1e-3 * torch.randn(2, classes, *size, generator=generator)).to(dtype)
            scores = scores.contiguous(memory_format=memory_format)
            expected = resize(scores, target, align_corners=align_corners).argmax(1)
            assert torch.equal(resized_argmax(scores, target, align_corners=align_corners), expected)


def test_the_first_of_equal_scores_wins() -> None:
    scores = torch.zeros(1, 40, 2, 2)
    scores[:, [5, 17, 39]] = 1.0
    assert resized_argmax(scores, (9, 9), align_corners=True).eq(5).all()
