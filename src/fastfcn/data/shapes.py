"""`shapes`: an endless generated dataset on which the method matters, with no files.

A scene is a pavement under a sky. What stands between the two, a hedge or the sea, makes it a park or a harbour,
and that alone decides what the objects on the pavement are: a triangle is a tent in a park and a sail in a harbour,
a disc a ball or a buoy, a box a bench or a crate. A network that sees only an object cannot tell; it needs the
context of the whole image. Poles and wires are about three pixels thin, so a map of stride 32 cannot draw them.
"""

from itertools import pairwise
from typing import Annotated

import cv2
import numpy as np

from fastfcn.data.dataset import Example, SegmentationData, Split, UInt8
from fastfcn.data.remapping import Remap, remapped
from fastfcn.options import Name, Seed, within

CLASSES = ("sky", "pavement", "hedge", "sea", "tent", "sail", "ball", "buoy", "bench", "crate", "pole", "wire")
AMBIGUOUS = (("tent", "sail"), ("ball", "buoy"), ("bench", "crate"))  # the same object in a park and in a harbour
PALETTE = (
    (135, 206, 235), (128, 128, 128), (46, 139, 87), (25, 70, 160), (255, 160, 60), (250, 240, 190),
    (220, 40, 40), (255, 105, 180), (139, 90, 43), (205, 170, 125), (20, 20, 20), (150, 60, 200),
)  # fmt: skip
SPLITS = {"train": 0, "val": 1, "test": 2}
PARK, HARBOUR = 0, 1
INDEX = {name: index for index, name in enumerate(CLASSES)}


SceneSize = Annotated[int, within(16, 2048)]  # drawn in 0.2 GiB at most; below, hedges and wires have no pixels
Images = Annotated[int, within(1, 10_000_000)]


class Shapes(SegmentationData):
    """Generated scenes of `size` x `size` pixels, so many a split; the same `seed` gives the same scenes.

    `remap` merges classes, or drops them.
    """

    name = "shapes"

    def __init__(
        self,
        *,
        size: SceneSize = 96,
        train_images: Images = 2400,
        val_images: Images = 200,
        test_images: Images = 200,
        seed: Seed = 0,
        root: Name | None = None,
        train_split: Name = "train",
        val_split: Name = "val",
        test_split: Name = "test",
        remap: Remap | None = None,
    ) -> None:
        if root is not None:
            raise ValueError(f"data=shapes is generated and reads no files: leave out data.root={root}")
        self.size = size
        self.seed = seed
        self.lengths = {"train": train_images, "val": val_images, "test": test_images}
        self.classes = CLASSES
        self.palette = PALETTE
        self.train_split, self.val_split, self.test_split = train_split, val_split, test_split
        self._table: UInt8 | None = None
        if remap:
            new = remapped(CLASSES, PALETTE, remap)
            self.classes, self.palette, self._table = new.classes, new.palette, new.table()

    def split(self, name: str) -> Split:
        """Open `train`, `val` or `test`."""
        if name not in SPLITS:
            raise ValueError(f"data=shapes has no split {name!r}; choose one of {', '.join(SPLITS)}")
        return ShapesSplit(name, self.lengths[name], size=self.size, seed=self.seed, table=self._table)


class ShapesSplit(Split):
    """Examples drawn from (seed, split, index) alone."""

    def __init__(self, name: str, length: int, *, size: int, seed: int, table: UInt8 | None = None) -> None:
        self.name, self.length, self.size, self.seed, self.table = name, length, size, seed, table

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.length

    def __getitem__(self, index: int) -> Example:
        """Draw one example."""
        if not 0 <= index < self.length:
            raise IndexError(f"shapes {self.name} has {self.length} images, got index {index}")
        scene = Scene(np.random.default_rng([self.seed, SPLITS[self.name], index]), self.size)
        mask = scene.mask if self.table is None else self.table[scene.mask]
        return Example(scene.image, mask, self.example_name(index))

    def example_name(self, index: int) -> str:
        """Name an example by split and index."""
        return f"{self.name}_{index:05d}"


class Scene:
    """One picture in the making: every `draw` paints `image` and `mask` alike."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng = rng
        self.size = size
        self.kind = int(rng.integers(2))  # PARK or HARBOUR
        self.horizon = int(size * rng.uniform(0.28, 0.42))
        self.image: UInt8 = np.empty((size, size, 3), np.uint8)
        self.mask: UInt8 = np.empty((size, size), np.uint8)
        self._draw_background()
        self._draw_objects()
        self._draw_thin()
        self._add_noise()

    def _draw_background(self) -> None:
        top = int(self.size * self.rng.uniform(0.1, 0.16))
        self._fill("sky", slice(0, self.horizon), self._colour((150, 235), (150, 235), (150, 235)))
        self._fill("pavement", slice(self.horizon, None), self._colour((90, 180), (90, 180), (90, 180)))
        if self.kind == PARK:
            green = self._colour((30, 100), (90, 170), (30, 100))
            self._fill("hedge", slice(self.horizon - top, self.horizon), green)
            for x in range(0, self.size, top):
                radius = int(self.rng.integers(top // 3, top // 2 + 2))
                self._ellipse("hedge", (x, self.horizon - top), (radius, radius), green)
        else:
            self._fill("sea", slice(self.horizon - top, self.horizon), self._colour((30, 100), (60, 130), (120, 200)))

    def _draw_objects(self) -> None:
        count = int(self.rng.integers(3, 6))
        lowest = np.sort(self.rng.uniform(0.62, 0.98, count))  # far to near, so that the near ones cover the far
        for bottom in lowest:
            pair = int(self.rng.integers(len(AMBIGUOUS)))
            name = AMBIGUOUS[pair][self.kind]
            radius = self.size * self.rng.uniform(0.08, 0.15)
            x, y = self.rng.uniform(0.08, 0.92) * self.size, bottom * self.size - radius
            colour = self._colour((20, 255), (20, 255), (20, 255))
            if pair == 0:
                corners = np.array([[x - radius, y + radius], [x + radius, y + radius], [x, y - radius]])
                self._polygon(name, corners, colour)
            elif pair == 1:
                self._ellipse(name, (round(x), round(y)), (round(radius), round(radius)), colour)
            else:
                half = radius * self.rng.uniform(0.6, 0.9)
                box = np.array(
                    [[x - radius, y - half], [x + radius, y - half], [x + radius, y + half], [x - radius, y + half]]
                )
                self._polygon(name, box, colour)

    def _draw_thin(self) -> None:
        thickness = max(self.size // 48, 1)
        tops: list[tuple[int, int]] = []
        for x in np.sort(self.rng.uniform(0.05, 0.95, int(self.rng.integers(1, 4)))):
            top = (int(x * self.size), int(self.size * self.rng.uniform(0.04, 0.3)))
            foot = (top[0], int(self.size * self.rng.uniform(0.55, 0.9)))
            self._line("pole", top, foot, self._colour((10, 70), (10, 70), (10, 70)), thickness)
            tops.append(top)
        ends = [
            (0, int(self.size * self.rng.uniform(0.02, 0.2))),
            *tops,
            (self.size, int(self.size * self.rng.uniform(0.02, 0.2))),
        ]
        colour = self._colour((10, 90), (10, 90), (10, 90))
        for start, end in pairwise(ends):
            self._line("wire", start, end, colour, thickness)

    def _add_noise(self) -> None:
        light = self.rng.uniform(0.8, 1.1)
        noise = self.rng.standard_normal((self.size, self.size, 1), dtype=np.float32) * self.rng.uniform(4, 14)
        self.image = np.clip(self.image * light + noise, 0, 255).astype(np.uint8)

    def _colour(self, *ranges: tuple[int, int]) -> tuple[int, ...]:
        return tuple(int(self.rng.integers(low, high)) for low, high in ranges)

    def _fill(self, name: str, rows: slice, colour: tuple[int, ...]) -> None:
        self.image[rows] = colour
        self.mask[rows] = INDEX[name]

    def _polygon(self, name: str, corners: np.ndarray, colour: tuple[int, ...]) -> None:
        points = np.round(corners).astype(np.int32)
        cv2.fillPoly(self.image, [points], colour)
        cv2.fillPoly(self.mask, [points], (INDEX[name],))

    def _ellipse(self, name: str, centre: tuple[int, int], axes: tuple[int, int], colour: tuple[int, ...]) -> None:
        cv2.ellipse(self.image, centre, axes, 0, 0, 360, colour, -1)
        cv2.ellipse(self.mask, centre, axes, 0, 0, 360, (INDEX[name],), -1)

    def _line(
        self, name: str, start: tuple[int, int], end: tuple[int, int], colour: tuple[int, ...], thickness: int
    ) -> None:
        cv2.line(self.image, start, end, colour, thickness)
        cv2.line(self.mask, start, end, (INDEX[name],), thickness)
