"""Several files that appear together, or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` whose files get their places only if all goes well, `output` the last."""
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        yield folder
        for file in sorted(folder.iterdir(), key=lambda file: file.name == output.name):
            file.replace(output.parent / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
