"""A network scored on data whose classes have other names: its own are merged into them, or left out."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fastfcn.data.remapping import Remap, near
from fastfcn.evaluation.protocols import Protocol
from fastfcn.models.inference import Network

NO_CLASS = -1


def map_classes(own: Sequence[str], data: Sequence[str], class_map: Remap) -> list[int]:
    """Return the index among the data's classes of every class of the network, or NO_CLASS.

    Classes that `class_map` does not name keep their names. Raises ValueError for a name that is not known, or a class
    of the data that no class of the network stands for.
    """
    for name in class_map:
        if name not in own:
            raise ValueError(f"class_map names {name!r}, which the network does not predict{near(name, own)}")
    targets = {name: class_map.get(name, name) for name in own}
    for name, target in targets.items():
        if target is not None and target not in data:
            raise ValueError(
                f"class {name!r} of the network has no class {target!r} in the data; say what it is there, or null "
                f"for what is never to be predicted, with 'class_map={{{name}: NAME}}'{near(target, data)}"
            )
    missing = [name for name in data if name not in targets.values()]
    if missing:
        raise ValueError(
            f"no class of the network stands for {', '.join(missing)} of the data; name one in class_map=, or "
            f"leave them out of the scores with 'data.remap={{{missing[0]}: null}}'"
        )
    return [NO_CLASS if target is None else data.index(target) for target in targets.values()]


class MappedProtocol(Protocol):
    """`protocol` with the score of every class of the data that of the best class of the network that stands for it."""

    def __init__(self, protocol: Protocol, indices: Sequence[int]) -> None:
        self.protocol = protocol
        self.name = protocol.name
        self.indices = list(indices)
        self.places = range(max(indices) + 1)

    def scores(self, network: Network, images: Tensor) -> Tensor:
        """Score the data's classes, (B, D, H, W)."""
        scores = self.protocol.scores(network, images)
        groups = [[own for own, index in enumerate(self.indices) if index == place] for place in self.places]
        return torch.stack([scores[:, group].amax(1) for group in groups], 1)

    def labels(self, network: Network, images: Tensor) -> Tensor:
        """Return the argmax of the scores, (B, H, W)."""
        return self.scores(network, images).argmax(1)
