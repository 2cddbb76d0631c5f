"""The files that a prediction is written to, each whole or not at all."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from fastfcn.data.dataset import UInt8
from fastfcn.data.georeference import Georeference
from fastfcn.data.palette import Colour
from fastfcn.files import write_atomically
from fastfcn.options import NOT_EMPTY
from fastfcn.pictures import index_png, overlay, save_picture
from fastfcn.prediction.maps import MEASURES, Predicted
from fastfcn.prediction.raster import write_raster

Kind = Literal["masks", "overlays", "confidence", "entropy", "probabilities", "areas"]
Kinds = Annotated[list[Kind], NOT_EMPTY]
FULL = 65535  # what a 16-bit picture holds for 1
FROM_PROBABILITIES = ("confidence", "entropy", "probabilities")


@dataclass(frozen=True)
class Outputs:
    """What is written below `folder` for every image; `areas` is a table of all (see `areas.py`)."""

    folder: Path
    kinds: Sequence[Kind]
    probabilities: Literal["npz", "png"]
    palette: tuple[Colour, ...]
    opacity: float

    @property
    def need_probabilities(self) -> bool:
        """Tell whether anything is written that labels alone do not tell."""
        return any(kind in FROM_PROBABILITIES for kind in self.kinds)

    def files(self, name: str, *, raster: bool = False) -> list[Path]:
        """Return all that is written for the image of that name; see `mask` for `raster`."""
        paths = [path for kind in self.kinds if kind != "masks" for path in self._files(kind, name)]
        return [*([self.mask(name, raster=raster)] if "masks" in self.kinds else []), *paths]

    def mask(self, name: str, *, raster: bool = False) -> Path:
        """Return where a mask is written; as `raster` it is a TIFF."""
        return self.folder / "masks" / f"{name}.{'tif' if raster else 'png'}"

    def film(self, name: str) -> Path:
        """Return where the overlays of a video are written."""
        return self.folder / "overlays" / f"{name}.mp4"

    def frame(self, name: str, index: int) -> str:
        """Name a frame of a video."""
        return f"{name}/{index:06d}"

    def film_files(self, name: str, frames: int) -> list[Path]:
        """Return what is written for a video of so many frames."""
        films = [self.film(name)] if "overlays" in self.kinds else []
        pictures = replace(self, kinds=[kind for kind in self.kinds if kind != "overlays"])
        return films + [path for index in range(frames) for path in pictures.files(self.frame(name, index))]

    def __str__(self) -> str:
        places = [f"{kind}/" for kind in self.kinds if kind != "areas"] + ["areas.csv"] * ("areas" in self.kinds)
        return ", ".join([*places, "legend.png"])

    def _files(self, kind: Kind, name: str) -> list[Path]:
        place = self.folder / kind
        if kind == "areas":
            return []
        if kind == "probabilities" and self.probabilities == "png":
            return [place / name / f"{index:03d}.png" for index in range(len(self.palette))]
        suffix = {"overlays": "jpg", "probabilities": "npz"}.get(kind, "png")
        return [place / f"{name}.{suffix}"]

    def save(self, name: str, image: UInt8, predicted: Predicted, georeference: Georeference | None = None) -> None:
        """Write everything for an image (H, W, 3), its mask as a raster if it lies somewhere on Earth."""
        for kind in self.kinds:
            paths = self._files(kind, name)
            if kind == "masks" and georeference is not None:
                labels = predicted.labels
                write_raster(self.mask(name, raster=True), [labels], labels.shape, self.palette, georeference)
            elif kind == "masks":
                save_picture(index_png(predicted.labels, self.palette), self.mask(name))
            elif kind == "overlays":
                self.save_overlay(name, image, predicted.labels)
            elif kind in FROM_PROBABILITIES:
                assert predicted.probabilities is not None
                self._save_probabilities(kind, paths, predicted.probabilities)

    def save_overlay(self, name: str, image: UInt8, labels: UInt8) -> None:
        """Write an image (H, W, 3) under its classes' colours."""
        blended = overlay(image, labels, self.palette, opacity=self.opacity)
        save_picture(Image.fromarray(blended), self._files("overlays", name)[0])

    def _save_probabilities(self, kind: Kind, paths: list[Path], probabilities: NDArray[np.float32]) -> None:
        if kind != "probabilities":
            save_picture(_deep(MEASURES[kind](torch.from_numpy(probabilities)).numpy()), paths[0])
        elif self.probabilities == "npz":
            write_atomically(paths[0], _npz(probabilities))
        else:
            for path, values in zip(paths, probabilities, strict=True):
                save_picture(_deep(values), path)


def _deep(values: NDArray[np.float32]) -> Image.Image:
    """Make a 16-bit picture of values in 0..1."""
    return Image.fromarray((values.clip(0, 1) * FULL).round().astype(np.uint16))


def _npz(probabilities: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, probabilities=probabilities.astype(np.float16))
    return buffer.getvalue()
