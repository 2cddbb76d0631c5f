"""Pictures labelled by shapes: the rasteriser of every format that has them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastfcn.data.converting.contents import Annotation, Legend
from fastfcn.data.converting.geometry import Geometry
from fastfcn.data.dataset import UInt8


@dataclass(frozen=True)
class Shape:
    """A region with a label, None for no class; `place` is where in the source it stands."""

    label: str | None
    geometry: Geometry
    place: str


@dataclass(frozen=True)
class Shapes(Annotation):
    """Shapes in the order in which they are painted, the later over the earlier."""

    shapes: tuple[Shape, ...]
    declared: tuple[int, int] | None
    file: Path

    def where(self) -> str:
        """Return the annotation file."""
        return str(self.file)

    def size(self) -> tuple[int, int] | None:
        """Return the size that the annotation file gives."""
        return self.declared

    def mask(self, height: int, width: int, legend: Legend, told: list[str]) -> UInt8:
        """Paint the shapes onto what has no label, and tell of those that cover no pixel."""
        mask = np.full((height, width), legend.unlabelled, np.uint8)
        for shape in self.shapes:
            try:
                region = shape.geometry.region(height, width)
                mask[region] = legend.value(shape.label)
                if not region.any():
                    told.append(shape.place)
            except ValueError as error:
                raise ValueError(f"{shape.place}: {error}") from error
        return mask

    def version(self) -> str:
        """Leave out the places."""
        return repr((self.declared, [(shape.label, shape.geometry) for shape in self.shapes]))


def labels_of(annotations: Iterable[Shapes]) -> dict[str, str]:
    """Return the labels in use, sorted, each with the first place that has it."""
    found: dict[str, str] = {}
    for annotation in annotations:
        for shape in annotation.shapes:
            if shape.label is not None:
                found.setdefault(shape.label, shape.place)
    return dict(sorted(found.items()))
