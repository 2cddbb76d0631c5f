"""How a file's results stand to those of the network that it was made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.config import ExportConfig
from fastfcn.exporting.feeding import prepared, run_batches
from fastfcn.exporting.formats import Array, Opened
from fastfcn.exporting.manifest import Manifest
from fastfcn.models.segmenter import Segmenter

SHARES = (1.0, 0.5, 0.75)  # of an image's sides, where any size is taken; the last made odd
SMALLEST = 33  # pixels a side: the map of 32 has one, for which torch.export would write another program
EXACT, EQUAL = 1e-4, 0.9999  # what is asked of float32; other precisions may differ, and
NEARLY_EQUAL = 0.95  # of the pixels must get the same class


@dataclass(frozen=True)
class Parity:
    """`difference` is the largest, as a share of the largest value; None of labels. `equal` is a share of pixels."""

    images: int
    sizes: tuple[tuple[int, int], ...]
    difference: float | None
    equal: float


@torch.inference_mode()
def compare(network: Segmenter, opened: Opened, images: Sequence[UInt8]) -> Parity:
    """Compare on `images` (C, H, W), each at several sizes and with its mirror image where the file takes any."""
    manifest = opened.manifest
    difference, largest, equal, pixels = 0.0, 0.0, 0, 0
    sizes = []
    for image in images:
        for sized in at_sizes(image, manifest):
            batch = np.stack([sized, sized[..., ::-1]]) if manifest.batch is None else sized[None]
            logits = network(torch.from_numpy(np.ascontiguousarray(batch))).logits
            output = run_batches(opened.run, prepared(batch, manifest), manifest)
            if manifest.outputs != "labels":
                values = (logits.softmax(1) if manifest.outputs == "probabilities" else logits).numpy()
                difference = max(difference, float(np.abs(values - output).max()))
                largest = max(largest, float(np.abs(values).max()))
            same = _labels(output, manifest) == logits.argmax(1).numpy()
            equal, pixels = equal + int(same.sum()), pixels + same.size
            sizes.append((sized.shape[-2], sized.shape[-1]))
    share = None if manifest.outputs == "labels" else difference / (largest or 1.0)
    return Parity(len(images), tuple(dict.fromkeys(sizes)), share, equal / max(pixels, 1))


def require_parity(parity: Parity, settings: ExportConfig) -> None:
    """Raise ValueError if the file differs by more than its precision explains, or than is asked for."""
    exact = settings.precision == "fp32"
    tolerance = settings.tolerance if settings.tolerance is not None else (EXACT if exact else None)
    agreement = settings.agreement if settings.agreement is not None else (EQUAL if exact else NEARLY_EQUAL)
    difference = parity.difference or 0.0
    if parity.equal >= agreement and (tolerance is None or difference <= tolerance):
        return
    found = f"{100 * parity.equal:.3f} % of the pixels get the same class"
    if parity.difference is not None:
        found = f"the largest difference is {difference:.1e} of the largest value, and {found}"
    asked = f"{100 * agreement:g} %" if tolerance is None else f"at most {tolerance:g} and {100 * agreement:g} %"
    raise ValueError(
        f"the file does not agree with the network and is not kept: {found}, where {asked} are asked for "
        "(tolerance=, agreement=)"
    )


def at_sizes(image: UInt8, manifest: Manifest) -> Iterator[UInt8]:
    """Yield an image (C, H, W) at the file's size; at three sizes, one of them odd, where it takes any."""
    if manifest.size is not None:
        yield _resized(image, *manifest.size)
        return
    for share in SHARES:
        odd = share == SHARES[-1]
        yield _resized(image, *(max(int(side * share), SMALLEST) | odd for side in image.shape[-2:]))


def _resized(image: UInt8, height: int, width: int) -> UInt8:
    if image.shape[-2:] == (height, width):
        return image
    values = torch.from_numpy(np.ascontiguousarray(image))[None].float()
    resized = F.interpolate(values, (height, width), mode="bilinear", antialias=True)
    result: UInt8 = resized[0].round().clamp(0, 255).to(torch.uint8).numpy()
    return result


def _labels(output: Array, manifest: Manifest) -> Array:
    labels: Array = output if manifest.outputs == "labels" else output.argmax(1)
    return labels
