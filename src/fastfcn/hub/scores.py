"""What result files say of a checkpoint: scores by data, split and protocol."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastfcn.checkpoints import Checkpoint
from fastfcn.models.cost import describe
from fastfcn.models.segmenter import Segmenter
from fastfcn.reporting.schema import RESULT, Result, read_result

MIOU = re.compile(r"(?P<split>[^/]+)/miou(?:_(?P<protocol>full|ss|ms))?")
CROP = "centre crop"  # what training's own scores are of


@dataclass(frozen=True)
class Score:
    """Fractions in 0..1, on a split of data, by a protocol."""

    data: str
    split: str
    protocol: str
    miou: float
    pixacc: float


def results_of(checkpoint: Checkpoint, network: Segmenter, paths: Sequence[Path]) -> list[Result]:
    """Read result files, and before them that of the run that a checkpoint lies in.

    Raises ValueError for one that is damaged, or of another network.
    """
    run = checkpoint.path.parent.parent / RESULT
    own = [run] if checkpoint.path.parent.name == "checkpoints" and run.is_file() else []
    return [_result_of(checkpoint, network, path) for path in dict.fromkeys([*own, *paths])]


def _result_of(checkpoint: Checkpoint, network: Segmenter, path: Path) -> Result:
    try:
        result = read_result(path)
    except ValueError as error:
        raise ValueError(f"{path} is no result file: {error}") from error
    ours = (describe(network), sum(each.numel() for each in network.parameters()), checkpoint.description.classes)
    if (result.model.model_dump(), result.parameters, tuple(result.iou)) != ours:
        raise ValueError(f"{path} is of another network than {checkpoint.path}: its parts, size or classes differ")
    return result


def scores_of(result: Result) -> list[Score]:
    """Find the scores of a result that have both an mIoU and a pixel accuracy."""
    found = [(match, result.metrics) for name in result.metrics if (match := MIOU.fullmatch(name))]
    return [_score(match, metrics, result.data) for match, metrics in found if _accuracy(match) in metrics]


def _accuracy(match: re.Match[str]) -> str:
    return match.string.replace("/miou", "/pixacc")


def _score(match: re.Match[str], metrics: Mapping[str, float], data: str) -> Score:
    protocol = match["protocol"] or CROP
    return Score(data, match["split"], protocol, metrics[match.string], metrics[_accuracy(match)])
