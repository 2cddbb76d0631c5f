"""What a killed process had logged, but W&B's service had not written yet: metrics.csv has it."""

import logging
from pathlib import Path

from fastfcn.reading import read_rows
from fastfcn.tracking.keys import STEP
from fastfcn.tracking.offline import read_runs

log = logging.getLogger(__name__)


def lost_rows(run_dir: Path, run_id: str, resume_step: int) -> list[dict[str, float]]:
    """Return the rows before `resume_step` that metrics.csv has and the files of the W&B run have not."""
    table, fragments = run_dir / "metrics.csv", run_dir / "wandb"
    if not table.exists() or not fragments.exists():
        return []
    try:
        logged = {
            (row.get(STEP), frozenset(key for key in row if key != STEP and not key.startswith("_")))
            for run in read_runs([fragments])
            if run.id == run_id
            for row in run.history
        }
        rows = [{key: _number(text) for key, text in row.items() if text} for row in read_rows(table)]
    except (ValueError, OSError) as error:
        log.warning("rows that W&B lost are not logged again: %s", error)
        return []
    return [
        {STEP: step, **row}
        for row in rows
        if (step := row.pop("step", resume_step)) < resume_step and (step, frozenset(row)) not in logged
    ]


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)
