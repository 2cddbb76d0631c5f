"""Losses of the overlap of prediction and truth: Dice (arXiv:1606.04797) and Tversky (arXiv:1706.05721)."""

from segmentation_models_pytorch.losses import MULTICLASS_MODE, DiceLoss, TverskyLoss
from torch import Tensor

from fastfcn.data.dataset import IGNORE
from fastfcn.options import NotNegative, Positive
from fastfcn.training.losses import class_presence
from fastfcn.training.terms.base import LossTerm


class Overlap(LossTerm):
    """1 - overlap, over a whole batch, as the mean of the classes that occur in it.

    SMP divides by the number of all classes, so that where few of many occur, little is left of the loss.
    """

    def __init__(self, overlap: DiceLoss, *, weight: NotNegative) -> None:
        super().__init__(weight=weight)
        self.overlap = overlap

    def measure(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Compare probabilities with the truth."""
        num_classes = logits.shape[1]
        occurring = class_presence(masks.flatten()[None], num_classes).sum()
        mean: Tensor = self.overlap(logits, masks)
        return mean * num_classes / occurring


class Dice(Overlap):
    """Twice what prediction and truth have in common, by their sum."""

    def __init__(self, *, weight: NotNegative = 1.0) -> None:
        super().__init__(DiceLoss(MULTICLASS_MODE, ignore_index=IGNORE), weight=weight)


class Tversky(Overlap):
    """What they have in common, by that + `alpha` * false positives + `beta` * false negatives; Dice at 0.5 each."""

    def __init__(self, *, weight: NotNegative = 1.0, alpha: Positive = 0.3, beta: Positive = 0.7) -> None:
        super().__init__(TverskyLoss(MULTICLASS_MODE, ignore_index=IGNORE, alpha=alpha, beta=beta), weight=weight)
