"""The mIoU of a network or of a file on a split, whole images in one pass."""

import torch
from torch.utils.data import DataLoader

from fastfcn.data.augmentation import to_sample
from fastfcn.data.dataset import SegmentationData
from fastfcn.data.loading import EvaluationSamples
from fastfcn.data.workers import worker_options
from fastfcn.evaluation.protocols import FullImage
from fastfcn.metrics import SegmentationScores
from fastfcn.models.inference import Network


@torch.inference_mode()
def score(network: Network, data: SegmentationData, split: str, *, workers: int) -> float:
    """Return the mIoU of protocol=full, as evaluate.py does."""
    accumulated = SegmentationScores(len(data.classes), absent="skip")
    samples = EvaluationSamples(data.split(split), to_sample)
    for batch in DataLoader(samples, batch_size=1, **worker_options(workers)):
        labels = FullImage().labels(network, network.normalise(batch.image))
        accumulated.update(labels, batch.mask.long())
    return float(accumulated.scores().miou)
