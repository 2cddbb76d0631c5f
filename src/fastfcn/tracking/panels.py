"""The dashboard: which panels answer which question of an ablation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wandb_workspaces.reports import v2 as wr

from fastfcn.tracking import keys
from fastfcn.tracking.keys import BEST_METRIC, PIXACC, TRAIN_LOSS, VAL_LOSS

ROW = wr.Config("row")  # what runs that differ by their seed share
EPOCH = "epoch"
COLUMNS = (
    wr.Config("network.head"),
    wr.Config("network.upsampling"),
    wr.Config("network.output_stride"),
    wr.Config("network.backbone"),
    wr.Config("recipe.lr"),
    wr.Config("recipe.batch_size"),
    wr.Config("recipe.epochs"),
    wr.Config("seed"),
    wr.SummaryMetric(keys.GFLOPS),
    wr.SummaryMetric(keys.BEST_MIOU),
)


@dataclass(frozen=True)
class Topic:
    """A question and the panels that answer it, two or three abreast."""

    title: str
    question: str
    panels: tuple[Any, ...]
    columns: int = 2


def topics(classes: Sequence[str] = ()) -> tuple[Topic, ...]:
    """Return the dashboard from top to bottom; with `classes` each of them gets a bar a row, else each run a chart."""
    return (
        Topic(
            "Scores",
            "Which row is best, and by more than its seeds differ? Lines are means over the seeds of a row, bands "
            "their standard deviation.",
            (
                _line("mIoU of centre crops", BEST_METRIC, x=EPOCH),
                _line("pixAcc of centre crops", PIXACC, x=EPOCH),
                _bars("mIoU of best.ckpt", keys.BEST_MIOU),
                _bars("pixAcc of best.ckpt", keys.BEST_PIXACC),
            ),
        ),
        Topic(
            "Speed against accuracy",
            "What does a point of mIoU cost? Images a second are measured in passing, at batch 1 and 512 x 512; "
            "benchmark.py measures with care.",
            (
                _scatter("images a second against mIoU", keys.FPS),
                _scatter("GFLOPs of an image against mIoU", keys.GFLOPS),
                _scatter("parameters against mIoU", keys.PARAMETERS),
            ),
            columns=3,
        ),
        Topic(
            "What matters",
            "Which choice moves mIoU?",
            (
                wr.ParallelCoordinatesPlot(
                    title="from the configuration to mIoU",
                    columns=[wr.ParallelCoordinatesPlotColumn(metric=column) for column in COLUMNS],
                ),
                wr.ParameterImportancePlot(with_respect_to=keys.BEST_MIOU),
            ),
        ),
        Topic("Classes", "Which classes gain, and what are they taken for?", (_class_scores(classes), _confusion())),
        Topic(
            "Predictions",
            "What does each run see in the same images? The masks are prediction and truth.",
            (
                wr.MediaBrowser(
                    title="validation images",
                    media_keys=[keys.IMAGES],
                    mode="grid",
                    grid_x_axis="run",
                    grid_y_axis="index",
                ),
            ),
            columns=1,
        ),
        Topic(
            "Training",
            "Does it converge, and does it run as it should?",
            (
                _line("loss", TRAIN_LOSS),
                _line("loss of the head", f"{TRAIN_LOSS}_segmentation"),
                _line("loss of the auxiliary head", f"{TRAIN_LOSS}_auxiliary"),
                _line("loss in validation", VAL_LOSS, x=EPOCH),
                _line("norm of the gradient", "grad_norm"),
                _line("learning rate of the backbone", "lr-SGD/backbone"),
                _line("learning rate of the head", "lr-SGD/head"),
                _line("images a second", "images/s"),
                _line("share of the time spent waiting for data", "data_wait"),
                _line("peak memory, GB", "peak_memory_gb", x=EPOCH),
            ),
            columns=3,
        ),
        Topic("Runs", "In which options and results do runs differ?", (wr.RunComparer(diff_only="split"),), columns=1),
    )


def _line(title: str, metric: str, x: str = keys.STEP) -> wr.LinePlot:
    return wr.LinePlot(title=title, x=x, y=[metric], groupby=ROW, groupby_aggfunc="mean", groupby_rangefunc="stddev")


def _bars(title: str, *metrics: str) -> wr.BarPlot:
    return wr.BarPlot(
        title=title, metrics=list(metrics), groupby=ROW, groupby_aggfunc="mean", groupby_rangefunc="stddev"
    )


def _scatter(title: str, metric: str) -> wr.ScatterPlot:
    return wr.ScatterPlot(title=title, x=wr.SummaryMetric(metric), y=wr.SummaryMetric(keys.BEST_MIOU))


def _class_scores(classes: Sequence[str]) -> wr.BarPlot | wr.CustomChart:
    title = "IoU of each class"
    if classes:
        return _bars(title, *map(keys.class_key, classes))
    return wr.CustomChart(
        query={"summaryTable": {"tableKey": keys.CLASS_TABLE}},
        chart_name="wandb/bar/v0",
        chart_fields={"label": "class", "value": "IoU"},
        chart_strings={"title": title},
    )


def _confusion() -> wr.CustomChart:
    return wr.CustomChart(
        query={"summaryTable": {"tableKey": f"{keys.CONFUSION}_table"}},  # so named by wandb.plot_table
        chart_name="wandb/confusion_matrix/v1",
        chart_fields={name: name for name in ("Actual", "Predicted", "nPredictions")},
        chart_strings={"title": "confusion, pixels"},
    )
