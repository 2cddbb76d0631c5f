"""From the configuration of a dataset to the dataset."""

from collections.abc import Mapping
from typing import Any

from fastfcn.composition import build
from fastfcn.data.classes import require_class_names
from fastfcn.data.dataset import SegmentationData


def build_data(node: Mapping[str, Any]) -> SegmentationData:
    """Build the dataset of a configuration node.

    Raises ValueError if an option does not fit, or two classes have one name.
    """
    data: SegmentationData = build(node, "data")
    require_class_names(data.classes, data.name)
    return data
