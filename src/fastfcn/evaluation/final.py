"""The score that a training ends with: best.ckpt on whole validation images, by the protocol of its table."""

import copy
from pathlib import Path

import lightning as L
from PIL import Image
from torch import Tensor

from fastfcn.data.dataset import Sample, SegmentationData
from fastfcn.evaluation.confusions import write_images
from fastfcn.evaluation.evaluator import EvaluationLoader, EvaluationModule, Pictures, to_array
from fastfcn.evaluation.protocols import Protocol
from fastfcn.metrics import Scores
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter
from fastfcn.models.segmenter import Segmenter
from fastfcn.pictures import index_png, save_picture

PICTURES = ("images", "truth", "predictions")  # folders of SeparatePictures


def score_whole_images(
    trainer: L.Trainer,
    network: Segmenter,
    data: SegmentationData,
    split: str,
    protocol: Protocol,
    *,
    run_dir: Path,
    pictures: int,
    workers: int,
) -> Scores:
    """Score `network` on a split with the trainer that it was trained by; all processes take part.

    Leaves each image's confusion, and `pictures` images, truths and predictions under their names, in `run_dir`.
    """
    loader = EvaluationLoader(data, split, workers=workers)
    module = EvaluationModule(
        FastSegmenter(copy.deepcopy(network), compile_after=COMPILE_AFTER),
        protocol,
        num_classes=len(data.classes),
        absent="skip",
        pictures=SeparatePictures(run_dir, loader.split, data, count=pictures),
    )
    trainer.test(module, datamodule=loader, verbose=False)
    assert module.scores is not None
    if trainer.is_global_zero:
        write_images(run_dir, module.per_image, loader.split, len(data.classes))
    return module.scores


def whole_image_metrics(scores: Scores, split: str, protocol: Protocol) -> dict[str, float]:
    """Name scores as result.json does."""
    return {f"{split}/miou_{protocol.name}": scores.miou, f"{split}/pixacc_{protocol.name}": scores.pixacc}


class SeparatePictures(Pictures):
    """Saves images/NAME.jpg, truth/NAME.png and predictions/NAME.png, which pages put side by side for several runs."""

    def save(self, batch: Sample, labels: Tensor, index: int) -> None:
        """Save image `index` if it was chosen."""
        if index not in self.indices:
            return
        name = self.split[index].name.replace("/", "_")
        image = Image.fromarray(self.visible(batch.image[0].permute(1, 2, 0).cpu().numpy()))
        save_picture(image, self.folder / "images" / f"{name}.jpg")
        for folder, indices in {"truth": batch.mask[0], "predictions": labels[0]}.items():
            save_picture(index_png(to_array(indices), self.palette), self.folder / folder / f"{name}.png")
