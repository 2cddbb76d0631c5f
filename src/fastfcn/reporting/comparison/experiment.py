"""An experiment's folder: what its table asks, the rows that it has, and how it is run."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from fastfcn.reading import read_bytes, read_yaml

README = "README.md"
SWEEP = "sweep.yaml"
README_BYTES = 1_000_000
MOST_ROWS = 1000
FENCE = "```"


@dataclass(frozen=True)
class Introduction:
    """The head of README.md: its title, its first paragraph, and its first block of commands."""

    title: str
    question: str
    commands: str


def read_introduction(folder: Path) -> Introduction:
    """Read the head of README.md; without one, the folder's name is the title."""
    path = folder / README
    lines = read_bytes(path, README_BYTES).decode(errors="replace").splitlines() if path.exists() else []
    title = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), folder.name)
    text = "\n".join(line for line in lines if not line.startswith("# "))
    before, _, after = text.partition(FENCE)
    commands = after.partition(FENCE)[0].partition("\n")[2]
    return Introduction(title, " ".join(before.strip().partition("\n\n")[0].split()), commands.strip())


def read_rows(folder: Path) -> dict[str, str]:
    """Read the rows, name to overrides, from sweep.yaml, if there is one. Raises ValueError if it holds none."""
    path = folder / SWEEP
    if not path.exists():
        return {}
    content = read_yaml(path)
    rows = rows_of(content) if isinstance(content, dict) else None
    if not isinstance(rows, dict):
        raise ValueError(f"{path} holds no mapping of rows (rows: NAME: OPTIONS)")
    return {str(row): str(text or "") for row, text in rows.items()}


def rows_of(content: dict[str, Any]) -> Any:
    """Return the rows of a sweep.yaml, or every combination of its `factors`, whose levels are parts of rows.

    A combination is named by its levels, and has their overrides in the order of the factors.
    """
    factors = content.get("factors")
    if factors is None:
        return content.get("rows")
    if not isinstance(factors, dict) or not all(isinstance(each, dict) and each for each in factors.values()):
        return None
    combinations = list(product(*(levels.items() for levels in factors.values())))
    if len(combinations) > MOST_ROWS:
        return None
    return {
        "_".join(str(name) for name, _ in levels): " ".join(str(text or "") for _, text in levels).strip()
        for levels in combinations
    }
