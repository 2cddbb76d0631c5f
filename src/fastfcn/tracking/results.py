"""What a W&B run says once training is over: flat keys for scatters and tables, each class, the confusion matrix."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import wandb
from wandb.plot.custom_chart import CustomChart

from fastfcn.metrics import Scores
from fastfcn.tracking import keys


def log_scores(
    run: wandb.Run, scores: Scores, classes: Sequence[str], *, protocol: str, axes: Mapping[str, int]
) -> None:
    """Log the scores of best.ckpt: `best/*` in the summary, `iou/CLASS`, a table of a row a class, and the confusion.

    Classes that occur nowhere have no IoU. `axes` are epoch and step, without which W&B would count from 0 after a
    restart.
    """
    iou = {name: None if value != value else value for name, value in zip(classes, scores.iou.tolist(), strict=True)}
    table = wandb.Table(columns=["class", "IoU"], data=[list(row) for row in iou.items()])
    run.log({keys.CLASS_TABLE: table, keys.CONFUSION: confusion_chart(scores, classes), **axes})
    run.summary.update(
        {
            keys.BEST_MIOU: scores.miou,
            keys.BEST_PIXACC: scores.pixacc,
            keys.BEST_PROTOCOL: protocol,
            **{keys.class_key(name): value for name, value in iou.items() if value is not None},
        }
    )


def confusion_chart(scores: Scores, classes: Sequence[str]) -> CustomChart:
    """Draw the accumulated matrix, but for pairs that never occur; W&B's own function would count pixel by pixel.

    A table takes 10,000 rows: of more pairs the commonest are kept.
    """
    rows = [
        [truth, prediction, count]
        for truth, line in zip(classes, scores.confusion.tolist(), strict=True)
        for prediction, count in zip(classes, line, strict=True)
        if count
    ]
    rows = sorted(rows, key=lambda row: -row[2])[: wandb.Table.MAX_ROWS]
    return wandb.plot_table(
        "wandb/confusion_matrix/v1",
        wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=rows),
        {"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"},
        {"title": "confusion, pixels"},
    )


def log_speed(run: wandb.Run, *, fps: float, gflops: float, parameters: int) -> None:
    """Log what a scatter sets against the scores; `fps` at batch 1, `gflops` an image, both of 512 x 512."""
    run.summary.update({keys.FPS: fps, keys.GFLOPS: gflops, keys.PARAMETERS: parameters})


def log_checkpoint(run: wandb.Run, path: Path, metrics: Mapping[str, float]) -> None:
    """Log a checkpoint as an artifact, which `wandb sync` uploads too."""
    artifact = wandb.Artifact(f"{run.id}-best", type="model", metadata=dict(metrics))
    artifact.add_file(str(path))
    run.log_artifact(artifact, aliases=["best"])
