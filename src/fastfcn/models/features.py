"""What flows between the parts of a segmentation network."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Channels:
    """Channel counts of a backbone's four maps."""

    c2: int
    c3: int
    c4: int
    c5: int


@dataclass
class Features:
    """A backbone's maps, named as in the paper: stride 4, 8, 16 and 32 (8 or 16 at most in a dilated backbone).

    Each is (B, C, H / stride, W / stride), rounded up.
    """

    c2: Tensor
    c3: Tensor
    c4: Tensor
    c5: Tensor


@dataclass(frozen=True)
class HeadInputs:
    """What a head is told of the network it closes.

    `refined` says that 3x3 convolutions already made the map (JPU), so that a head need not begin with one.
    """

    channels: int
    backbone: Channels
    refined: bool
    align_corners: bool


@dataclass
class HeadOutput:
    """`logits` (B, num_classes, h, w) at the stride of the head's input; `presence` logits (B, num_classes) or None."""

    logits: Tensor
    presence: Tensor | None = None


@dataclass
class Prediction:
    """What a network returns for images (B, C, H, W).

    `logits` (B, num_classes, H, W); `aux` of the same shape, or None without the auxiliary head; `presence`
    (B, num_classes) for heads that predict which classes occur (EncNet), else None. All before softmax or sigmoid.
    """

    logits: Tensor
    aux: Tensor | None = None
    presence: Tensor | None = None
