"""Images as a file takes them, and what comes out as scores: what stands between a file and the suite's protocols."""

import numpy as np

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.formats import Array, Opened, Runner
from fastfcn.exporting.manifest import Manifest
from fastfcn.models.foreign import ForeignNetwork

LEAST = 1e-30  # probability whose logarithm is taken


def network_of_file(opened: Opened) -> ForeignNetwork:
    """Return a file as a network that protocols can score images with."""
    manifest = opened.manifest

    def scores(values: Array) -> Array:
        found = as_scores(run_batches(opened.run, as_input(values, manifest), manifest), manifest)
        promised = (len(values), len(manifest.classes), *values.shape[-2:])
        if found.shape != promised:
            raise ValueError(f"the file returns {found.shape}, where by its own description it should be {promised}")
        return found

    return ForeignNetwork(scores, channels=len(manifest.mean), align_corners=manifest.align_corners)


def prepared(images: UInt8, manifest: Manifest) -> Array:
    """Return uint8 images (B, C, H, W) as the file takes them."""
    return images if manifest.input == "uint8" else images.astype(np.float32) / np.float32(255)


def as_input(values: Array, manifest: Manifest) -> Array:
    """Return images of floats in 0..1 as the file takes them: rounded to 256 values where that is uint8."""
    return np.rint(values * 255).clip(0, 255).astype(np.uint8) if manifest.input == "uint8" else values


def run_batches(run: Runner, images: Array, manifest: Manifest) -> Array:
    """Run a file on any number of images (B, C, H, W). Raises ValueError for a size that it does not take."""
    require_size(images.shape[-2:], manifest)
    if manifest.batch is None or manifest.batch == len(images):
        return run(images)
    missing = -len(images) % manifest.batch
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
    parts = [run(filled[first : first + manifest.batch]) for first in range(0, len(filled), manifest.batch)]
    result: Array = np.concatenate(parts)[: len(images)]
    return result


def require_size(size: tuple[int, ...], manifest: Manifest) -> None:
    """Raise ValueError for images of another size than a file of one size takes."""
    if manifest.size not in (None, tuple(size)):
        (height, width), (own_height, own_width) = size, manifest.size
        raise ValueError(
            f"the file takes images of {own_height}x{own_width}, got {height}x{width}; export one of any size "
            "(size=null), or score by windows of its size (protocol=single_scale protocol.crop_size=N)"
        )


def as_scores(output: Array, manifest: Manifest) -> Array:
    """Return what a file gives as scores a class (B, classes, H, W), of which the largest names the class."""
    if manifest.outputs == "labels":
        hot: Array = np.arange(len(manifest.classes), dtype=np.uint8)[:, None, None] == output[:, None]
        return hot.astype(np.float32)
    if manifest.outputs == "probabilities":
        logarithm: Array = np.log(np.maximum(output, np.float32(LEAST)))
        return logarithm
    return output
