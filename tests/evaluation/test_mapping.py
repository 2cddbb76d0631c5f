"""A network's classes merged into those of other data."""

import pytest
import torch

from fastfcn.evaluation.mapping import MappedProtocol, map_classes
from fastfcn.evaluation.protocols import FullImage

OWN = ("road", "car", "bus", "sky")


def test_classes_are_found_by_name_and_by_map() -> None:
    assert map_classes(OWN, ("vehicle", "road"), {"car": "vehicle", "bus": "vehicle", "sky": None}) == [1, 0, 0, -1]


@pytest.mark.parametrize(
    ("data", "class_map", "message"),
    [
        (
            ("road", "car"),
            {"cars": "car"},
            "class_map names 'cars', which the network does not predict; did you",
        ),
        (("road", "car"), {}, "class 'bus' of the network has no class 'bus' in the data"),
        (("road", "tree"), {"car": "road", "bus": "road", "sky": None}, "no class of the network stands for tree"),
    ],
)
def test_what_cannot_be_meant(data: tuple, class_map: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_classes(OWN, data, class_map)


def test_the_best_of_merged_classes_counts_and_a_null_is_never_predicted() -> None:
    scores = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))

    class Fixed(FullImage):
        def scores(self, network, images):
            return scores

    labels = MappedProtocol(Fixed(), [1, 0, 0, -1]).labels(None, None)
    expected = torch.tensor([1, 0, 0])[scores[:, :3].argmax(1)]
    assert torch.equal(labels, expected)
