"""The page of a repository: what the network is, how to call it, its scores with their protocols, its licence."""

import html
from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from fastfcn import __version__
from fastfcn.description import Description
from fastfcn.hub.repository import LIBRARY
from fastfcn.hub.scores import Score, scores_of
from fastfcn.models.cost import describe
from fastfcn.models.segmenter import Segmenter
from fastfcn.reporting.schema import Result

TASK = "image-segmentation"  # as the hub names it
TAGS = ["semantic-segmentation", "pytorch", "fastfcn"]
TOLD = {  # of the configuration, in this order
    "recipe": ("optimizer", "schedule", "lr", "epochs", "batch_size", "weight_decay", "ema"),
    "augmentation": ("crop_size", "base_size"),
    "run": ("seed", "processes", "accumulate_grad_batches"),
}


def write_card(
    description: Description,
    network: Segmenter,
    *,
    repo: str,
    results: Sequence[Result],
    licence: str | None,
    certificate: str | None,
) -> str:
    """Write README.md; scores per class are those of the last result. A name may hold anything, and is escaped."""
    scores = [score for result in results for score in scores_of(result)]
    body = _environment().get_template("card.md").render(
        repo=repo,
        version=__version__,
        classes=description.classes,
        channels=network.statistics.channels,
        model=describe(network),
        parameters=f"{sum(each.numel() for each in network.parameters()):,}",
        scores=scores,
        ious=results[-1].iou.items() if results else (),
        data=description.data.get("name") or "".join(result.data for result in results[:1]),
        training=_training(description),
        license=licence,
        certificate=certificate,
    )  # fmt: skip
    return f"---\n{_metadata(repo, scores, licence)}---\n\n{body}\n"


def _metadata(repo: str, scores: Sequence[Score], licence: str | None) -> str:
    """Write what the hub reads of a card, in YAML."""
    found = [
        EvalResult(
            task_type=TASK, dataset_type=score.data, dataset_name=score.data, dataset_split=score.split,
            metric_type=kind, metric_name=f"{name}, {score.split}, {score.protocol}", metric_value=value,
        )
        for score in scores
        for kind, name, value in (("mean_iou", "mIoU", score.miou), ("accuracy", "pixAcc", score.pixacc))
    ]  # fmt: skip
    data = ModelCardData(
        model_name=repo.partition("/")[2], library_name=LIBRARY, pipeline_tag=TASK, tags=TAGS, license=licence,
        eval_results=found or None,
    )  # fmt: skip
    return f"{data.to_yaml().rstrip()}\n"


def _training(description: Description) -> list[tuple[str, Any]]:
    parts = {name: getattr(description, name) for name in TOLD}
    return [
        (f"{name}.{key}", parts[name][key])
        for name, keys in TOLD.items()
        for key in keys
        if parts[name].get(key) is not None
    ]


def _environment() -> Environment:
    """Markdown is no HTML, so that names are escaped where they stand in a cell of a table."""
    environment = Environment(loader=PackageLoader("fastfcn", "hub"), undefined=StrictUndefined)
    environment.filters |= {"cell": _cell, "percent": _percent}
    return environment


def _cell(value: object) -> str:
    return html.escape(" ".join(str(value).split())).replace("|", "&#124;")


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"
