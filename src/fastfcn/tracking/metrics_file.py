"""metrics.csv: appended to while training, and replaced in one step where it has to be written anew."""

import csv
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from fastfcn.files import set_aside, write_atomically
from fastfcn.reading import read_rows

log = logging.getLogger(__name__)


def csv_logger(run_dir: Path, resume_step: int | None) -> CSVLogger:
    """Log to `run_dir`/metrics.csv; a resumed run keeps the rows that came before it."""
    logger = CSVLogger(save_dir=run_dir.parent, name=run_dir.name, version="")
    _open(logger, run_dir, resume_step)
    return logger


@rank_zero_only
def _open(logger: CSVLogger, run_dir: Path, resume_step: int | None) -> None:
    logger._experiment = MetricsWriter(run_dir, _rows_before(resume_step, run_dir / "metrics.csv"))


def _rows_before(step: int | None, path: Path) -> list[dict[str, str]]:
    """Read the rows of the steps before `step`; a file that cannot be read is set aside."""
    if step is None or not path.exists():
        return []
    try:
        return [row for row in read_rows(path) if row.get("step", "").isdecimal() and int(row["step"]) < step]
    except ValueError as error:
        log.warning("%s; it is now %s, and its rows are left out", error, set_aside(path))
        return []


class MetricsWriter(ExperimentWriter):
    """Lightning's writer, which would delete the file when it opens and write it in place when a column is new."""

    def __init__(self, log_dir: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(str(log_dir))
        self.metrics_keys = sorted({key for row in rows for key in row})
        if rows:
            self._write(rows, self.metrics_keys)
        else:
            Path(self.metrics_file_path).unlink(missing_ok=True)  # of a run that begins anew

    def _check_log_dir_exists(self) -> None:
        """Leave what is there."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        self._write(read_rows(Path(self.metrics_file_path)), fieldnames)

    def _write(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(Path(self.metrics_file_path), stream.getvalue().encode())
