"""Images that cannot be predicted, told at the end; the others are."""

import errno
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fastfcn.out_of_memory import explain, is_out_of_memory
from fastfcn.prediction.config import PredictionConfig
from fastfcn.prediction.sources import Source, printable

OF_THE_IMAGE = (errno.ENOENT, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)  # gone meanwhile, or of a name too long


@contextmanager
def noted(source: Source, failures: dict[Source, str]) -> Iterator[None]:
    """Note why one image cannot be predicted: damaged, too large, gone. What is no fault of the image's is raised."""
    try:
        yield
    except Exception as error:
        failures[source] = _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if is_out_of_memory(error):
        return explain(error, "predict")
    if isinstance(error, OSError) and error.errno in OF_THE_IMAGE:
        return str(error.strerror)
    raise error


def require_none(failures: Mapping[Source, str], images: int, settings: PredictionConfig) -> None:
    """Print why images failed, and raise ValueError with their number."""
    if not failures:
        return
    for source, reason in failures.items():
        print(f"{source}: {printable(reason).removeprefix(f'{source} ')}", file=sys.stderr)
    rest = f"; the other predictions are in {settings.output}" if len(failures) < images else ""
    without = "" if settings.submission is None else ", and no submission.zip"
    raise ValueError(f"{len(failures)} of {images} images could not be predicted (named above){rest}{without}")
