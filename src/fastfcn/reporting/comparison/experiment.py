"""An experiment's folder: what its table asks, the rows that it has, and how it is run."""

import re
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
NAME = re.compile(r"[a-z][a-z0-9_]*")
ONE_OF = {"rows", "factors"}
KEYS = {"protocol", "seeds", "options", *ONE_OF}


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


@dataclass(frozen=True)
class Sweep:
    """What sweep.yaml says: `rows`, name to overrides, and the `options` of all of them, as on the command line."""

    protocol: str
    seeds: tuple[int, ...]
    options: str
    rows: dict[str, str]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep.yaml. Raises ValueError if it says what it cannot mean."""
    content = read_yaml(path)
    if not isinstance(content, dict) or not {"protocol"} <= set(content) <= KEYS or len(ONE_OF & set(content)) != 1:
        raise ValueError(
            f"{path} must hold protocol and rows (or factors in their place), and may hold seeds and options, "
            "nothing else"
        )
    rows, seeds = _rows_of(content), content.get("seeds", [0])
    if not isinstance(rows, dict) or not rows or not all(NAME.fullmatch(str(row)) for row in rows):
        raise ValueError(
            f"{path}: rows must be lines of NAME: OVERRIDES, with names of small letters, digits and _; and so must "
            "the levels of each of the factors"
        )
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"{path}: seeds must be a list of whole numbers, 0 or more, such as [0, 1]")
    named = {str(row): _overrides(text, path) for row, text in rows.items()}
    return Sweep(str(content["protocol"]), tuple(seeds), _overrides(content.get("options"), path), named)


def _overrides(text: Any, path: Path) -> str:
    if not isinstance(text, str | None):
        raise ValueError(f"{path}: overrides are one text, such as model=encnet_jpu recipe.lr=0.01, not {text!r}")
    return text or ""


def _rows_of(content: dict[str, Any]) -> Any:
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
