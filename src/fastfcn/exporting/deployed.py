"""The network as it leaves: images as cameras give them in, what is asked for out."""

import torch
from torch import Tensor, nn

from fastfcn.exporting.formats import first_line
from fastfcn.exporting.manifest import Manifest
from fastfcn.exporting.pooling import replace_pools
from fastfcn.exporting.same_padding import turn_same_padding
from fastfcn.models.folding import fold_batch_norm
from fastfcn.models.reduction import join_reduction
from fastfcn.models.segmenter import Segmenter

TYPES = {"uint8": torch.uint8, "float": torch.float32}  # of images, by what a manifest calls them
LARGEST = {"uint8": 255.0, "float": 1.0}  # value of a pixel
PROBE = (96, 160)  # pixels of the image that is traced where any size is taken


class Deployed(nn.Module):
    """A segmenter with its normalisation, folded and without auxiliary head; it is taken over, and computes in `dtype`.

    Maps RGB images (B, C, H, W), uint8 or floats in 0..1, to float32 logits or probabilities (B, classes, H, W), or to
    uint8 labels (B, H, W), as the manifest says.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Segmenter, manifest: Manifest, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        network.auxiliary = None
        self.network = network.eval().requires_grad_(False)
        fold_batch_norm(network)
        join_reduction(network)
        replace_pools(network)
        if manifest.size is None:
            turn_same_padding(network)
        network.to(dtype)
        self.dtype = dtype
        self.outputs = manifest.outputs
        largest = LARGEST[manifest.input]
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(manifest, name)).view(-1, 1, 1) * largest)

    def forward(self, images: Tensor) -> Tensor:
        """Segment `images`."""
        normalised = (images.float() - self.mean) / self.std
        logits: Tensor = self.network(normalised.to(self.dtype)).logits.float()
        if self.outputs == "labels":
            return logits.argmax(1).to(torch.uint8)
        return logits.softmax(1) if self.outputs == "probabilities" else logits


def trace(deployed: Deployed, manifest: Manifest) -> torch.export.ExportedProgram:
    """Write down what `deployed` computes, for images of the batch and size that the manifest gives, or any.

    Raises ValueError if that cannot be done.
    """
    height, width = manifest.size or PROBE
    shape = (manifest.batch or 2, len(manifest.mean), height, width)
    images = torch.zeros(shape, dtype=TYPES[manifest.input])
    opened = {axis: torch.export.Dim.DYNAMIC for axis in open_axes(manifest)}
    try:
        with torch.no_grad():
            program = torch.export.export(deployed, (images,), dynamic_shapes=(opened,) if opened else None)
    except Exception as error:  # of which the tracer may raise any
        raise ValueError(
            f"the network cannot be written down for {'any' if opened else 'this'} size or batch: {first_line(error)}"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine
    return program


def open_axes(manifest: Manifest) -> list[int]:
    """Return the axes of (B, C, H, W) of which any length is taken."""
    return [*([0] if manifest.batch is None else []), *([2, 3] if manifest.size is None else [])]
