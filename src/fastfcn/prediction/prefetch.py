"""Images read ahead by worker processes."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from fastfcn.data.dataset import Pixels
from fastfcn.data.workers import worker_options
from fastfcn.prediction.sources import Source

A_WORKER = 16  # images: starting a process costs as much as reading a dozen
SHARED_BYTES = 2**25  # of an image handed over: containers often have 64 MB of shared memory in all

Loaded = tuple[Tensor | None, Exception | None]
Read = Callable[[Source], Pixels]


class Images(Dataset[Loaded]):
    """Images by index, or what was raised for them; neither for one too large to be handed over by a worker."""

    def __init__(self, sources: Sequence[Source], read: Read) -> None:
        self.sources = sources
        self.read = read

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.sources)

    def __getitem__(self, index: int) -> Loaded:
        """Read an image (H, W, C)."""
        try:
            image = self.read(self.sources[index])
        except Exception as error:  # told where it can be said which image it was
            return None, error
        shared = get_worker_info() is not None
        return (None if shared and image.nbytes > SHARED_BYTES else torch.from_numpy(image)), None


def load(sources: Sequence[Source], read: Read, *, workers: int) -> Iterator[tuple[Source, Pixels | Exception]]:
    """Yield images in their order, or what was raised for them."""
    images = Images(sources, read)
    options = {**worker_options(min(workers, len(sources) // A_WORKER)), "pin_memory": False}
    for index, (image, error) in enumerate(DataLoader(images, batch_size=None, **options)):
        if image is None and error is None:
            image, error = images[index]
        yield sources[index], error if error is not None else image.numpy()
