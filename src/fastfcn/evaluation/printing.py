"""Scores on the terminal."""

from rich.table import Table

from fastfcn.console import plain_console
from fastfcn.metrics import Scores


def print_scores(scores: Scores, classes: tuple[str, ...], *, title: str) -> None:
    """Print IoU a class, mIoU and pixAcc, in percent."""
    table = Table(title=title)
    table.add_column("class")
    table.add_column("IoU", justify="right")
    for name, iou in zip(classes, scores.iou.tolist(), strict=True):
        table.add_row(name, "absent" if iou != iou else f"{100 * iou:.2f}")
    table.add_section()
    table.add_row("mIoU", f"{100 * scores.miou:.2f}")
    table.add_row("pixAcc", f"{100 * scores.pixacc:.2f}")
    table.add_row("commonest class everywhere (mIoU)", f"{100 * scores.majority_miou:.2f}")
    plain_console().print(table)
