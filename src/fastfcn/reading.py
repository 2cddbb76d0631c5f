"""Files that a kill, a disk or a stranger may have damaged, read within limits of size, depth and number."""

import csv
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

TABLE_BYTES = 50_000_000  # of metrics.csv: a million steps logged every 50 take about 12 MB
TABLE_ROWS, TABLE_COLUMNS = 500_000, 1000
YAML_BYTES, YAML_DEPTH = 1_000_000, 32


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file. Raises OSError, or ValueError for a pipe, a device or a folder, without waiting for one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises OSError, or ValueError, in one line, for anything else."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} is larger than {limit / 1e6:g} MB")
    return content


def find(root: Path, pattern: str) -> dict[str, Path]:
    """Return the files of a name below `root`, in order, by what they are once links are followed."""
    return {os.path.realpath(path): path for path in sorted(root.rglob(pattern))}


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file with a heading; a last line that a kill has cut off is left out.

    Raises OSError, or ValueError, in one line, for what is no such file.
    """
    content = read_bytes(path, TABLE_BYTES)
    try:
        reader = csv.reader(io.StringIO(content[: content.rfind(b"\n") + 1].decode(), newline=""), strict=True)
        heading = next(reader, [])
        if len(heading) > TABLE_COLUMNS:
            raise ValueError(f"more than {TABLE_COLUMNS} columns")
        for number, row in enumerate(reader):
            if number == TABLE_ROWS:
                raise ValueError(f"more than {TABLE_ROWS} rows")
            yield dict(zip(heading, row, strict=False))
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def read_yaml(path: Path) -> Any:
    """Read plain YAML, in which nothing is repeated by reference. Raises OSError, or ValueError in one line."""
    content = read_bytes(path, YAML_BYTES)
    try:
        _require_shallow(content)
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _require_shallow(content: bytes) -> None:
    """Refuse nesting that no file here has, and aliases, which make gigabytes out of a few lines."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > YAML_DEPTH:
            raise ValueError(f"nested more than {YAML_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it holds an alias, *NAME")
