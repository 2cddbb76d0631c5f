"""COCO's panoptic masks: PNGs whose colours are the ids of segments (arXiv:1801.00868)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastfcn.data.converting.contents import Annotation, Legend
from fastfcn.data.dataset import UInt8
from fastfcn.data.images import read_image
from fastfcn.data.listing import shortened


@dataclass(frozen=True)
class Segment:
    """A segment's id, red + 256 green + 65536 blue, and its label."""

    id: int
    label: str


@dataclass(frozen=True)
class Panoptic(Annotation):
    """A mask of segments; 0 is of none."""

    path: Path
    segments: tuple[Segment, ...]
    place: str

    def where(self) -> str:
        """Return the mask."""
        return str(self.path)

    def size(self) -> tuple[int, int] | None:
        """Return the mask's own size."""
        height, width = read_image(self.path, upright=False).shape[:2]
        return height, width

    def mask(self, height: int, width: int, legend: Legend, told: list[str]) -> UInt8:
        """Translate ids into classes."""
        ids = read_image(self.path, upright=False).astype(np.int64) @ np.array([1, 256, 65536])
        known = {segment.id: legend.value(segment.label) for segment in self.segments}
        known.setdefault(0, legend.unlabelled)
        distinct, places = np.unique(ids, return_inverse=True)
        unknown = [int(value) for value in distinct if int(value) not in known]
        if unknown:
            raise ValueError(
                f"{self.place}: {self.path} holds the ids {shortened(unknown)}, which segments_info has not"
            )
        return np.array([known[int(value)] for value in distinct], np.uint8)[places.reshape(ids.shape)]

    def version(self) -> str:
        """Add the state of the file."""
        state = self.path.stat()
        return repr((self.segments, state.st_size, state.st_mtime_ns))
