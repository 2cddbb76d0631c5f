"""Which examples make up which batch: a function of seed, epoch and place, so that a run can resume anywhere."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class Draw:
    """One place in a batch: the example's index and the seed of its augmentation."""

    index: int
    seed: int


def derive_seed(*parts: int) -> int:
    """Mix integers into one seed of 31 bits; unlike a sum, neighbouring parts give unrelated seeds."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little") >> 1


def require_whole_batch(length: int, *, batch_size: int, world_size: int) -> None:
    """Raise ValueError if a training split of `length` images has none."""
    if length < world_size:
        images = "1 image" if length == 1 else f"{length} images"
        raise ValueError(
            f"the training split has {images}, fewer than the {world_size} processes; train with "
            f"devices={max(length, 1)} or fewer"
        )
    if length < batch_size * world_size:
        raise ValueError(
            f"the training split has {length} images, fewer than one batch of {batch_size * world_size}; "
            f"lower recipe.batch_size to {length // world_size} or less"
        )


@dataclass
class Place:
    """Where training stands: epoch and number of the next batch.

    Lightning begins epochs, the loader counts the batches that were taken, checkpoints hold both.
    """

    epoch: int = 0
    batch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin `epoch`; a resumed run that stands in the middle of it stays there."""
        if epoch != self.epoch:
            self.epoch, self.batch = epoch, 0


class TrainingBatches(Sampler[list[Draw]]):
    """The share that one rank has of every global batch of an epoch, in a shuffled order.

    A global batch is the same for any number of processes: rank r of n takes every n-th place of it, beginning at r.
    An incomplete last batch is dropped, as in the authors' code. `place` says where the epoch goes on.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        place: Place | None = None,
    ) -> None:
        require_whole_batch(length, batch_size=batch_size, world_size=world_size)
        self.global_batch = batch_size * world_size
        self.length = length
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.place = self.sampler = place or Place()  # Lightning looks for set_epoch in a sampler

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch."""
        return self.length // self.global_batch

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield the rest of the epoch."""
        epoch = self.place.epoch
        order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
        for batch in range(self.place.batch, len(self)):
            places = range(batch * self.global_batch + self.rank, (batch + 1) * self.global_batch, self.world_size)
            yield [Draw(int(order[place]), derive_seed(self.seed, epoch, place)) for place in places]


PLACEHOLDER = -1  # in place of an example's index: an image of which nothing counts


class EvaluationShare(Sampler[int]):
    """Every example once over all ranks: rank r of n visits r, r + n, r + 2n, ... and nothing is padded.

    A rank that would visit none has one PLACEHOLDER: without a batch Lightning would leave out what all ranks do
    together at the end of an epoch.
    """

    def __init__(self, length: int, *, rank: int = 0, world_size: int = 1) -> None:
        self.indices = [*range(rank, length, world_size)] or [PLACEHOLDER]

    def __len__(self) -> int:
        """Return the number of examples of this rank."""
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        """Yield this rank's indices in order."""
        return iter(self.indices)
