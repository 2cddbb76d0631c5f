"""Prediction of images that do not fit in memory: read by windows, written by rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from fastfcn.allocation import return_freed_memory
from fastfcn.data.bands import Bands
from fastfcn.data.dataset import UInt8
from fastfcn.data.georeference import Georeference
from fastfcn.data.tiff import MOST_PIXELS
from fastfcn.data.windowed import Windowed
from fastfcn.evaluation.protocols import Protocol
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.evaluation.windows import Source, Window
from fastfcn.prediction.maps import decide
from fastfcn.prediction.outputs import FROM_PROBABILITIES, Outputs
from fastfcn.prediction.predictor import Predictor, normalised
from fastfcn.prediction.raster import write_raster

VALUES = 256  # of a mask
LONGEST = 2048  # pixels of a side of an overlay


@dataclass
class Preview:
    """Every `step`-th pixel of an image and its labels, collected from above."""

    step: int
    rows: int = 0
    image: list[UInt8] = field(default_factory=list)
    labels: list[UInt8] = field(default_factory=list)

    def add(self, image: Windowed, bands: Bands, labels: UInt8) -> None:
        """Keep what falls to it of the next rows."""
        first = -self.rows % self.step
        pixels = image[self.rows : self.rows + len(labels), :]
        self.image.append(bands.visible(pixels[first :: self.step, :: self.step]).copy())  # a view would keep it all
        self.labels.append(labels[first :: self.step, :: self.step].copy())
        self.rows += len(labels)


def is_read_by_windows(image: Windowed, protocol: Protocol) -> bool:
    """Tell whether to read an image by windows: where the protocol wants no more, or it cannot be read at once."""
    return image.tiff.pixels > MOST_PIXELS or (isinstance(protocol, SlidingWindow) and protocol.as_is)


def predict_large(image: Windowed, name: str, predictor: Predictor, outputs: Outputs, bands: Bands) -> np.ndarray:
    """Write mask and overlay, which is reduced, and return the pixels of every value.

    Raises ValueError for a protocol that needs the whole image, or maps that are written of whole images alone.
    """
    protocol = predictor.protocol
    if not (isinstance(protocol, SlidingWindow) and protocol.as_is):
        raise ValueError(f"it has {image.tiff.pixels // 10**6} million pixels, too many at once: take protocol=windows")
    if unfit := [kind for kind in outputs.kinds if kind in FROM_PROBABILITIES]:
        raise ValueError(f"write={unfit[0]} is of images that fit in memory; take write=[masks,overlays,areas]")
    return_freed_memory()
    height, width = image.shape[:2]
    counts = np.zeros(VALUES, np.int64)
    preview = Preview(-(-max(height, width) // LONGEST))

    def labels() -> Iterator[UInt8]:
        for part in _labels(image, predictor, protocol):
            counts[:] += np.bincount(part.ravel(), minlength=VALUES)
            if "overlays" in outputs.kinds:
                preview.add(image, bands, part)
            yield part
            return_freed_memory()

    if "masks" in outputs.kinds:
        path = outputs.mask(name, raster=True)
        write_raster(path, labels(), (height, width), outputs.palette, Georeference.of(image.tiff))
    else:
        for _ in labels():
            pass
    if "overlays" in outputs.kinds:
        outputs.save_overlay(name, np.concatenate(preview.image), np.concatenate(preview.labels))
    return counts


def _labels(image: Windowed, predictor: Predictor, protocol: SlidingWindow) -> Iterator[UInt8]:
    """Yield the classes of some rows (h, W) at a time."""
    network = predictor.network

    def read(window: Window) -> torch.Tensor:
        return normalised(network, image[window.top : window.bottom, window.left : window.right])

    device = next(network.parameters()).device
    strips = protocol.strips(network, Source((image.shape[0], image.shape[1]), device, read))
    with torch.inference_mode(), predictor.autocast():
        for scores in strips:
            if predictor.unknown.threshold is None:
                yield scores.argmax(0).to(torch.uint8).cpu().numpy()
            else:
                yield decide(scores[None], predictor.temperature, predictor.unknown).labels
