"""Paths and names on the command line, taken as they are: quoted before Hydra reads them by its grammar.

To Hydra `=`, `,`, `(`, `~`, `#` and accents mean something or are errors, and 0 is a number; what is meant by
`checkpoint=VALUE` is the text. In a sweep (-m) commas separate values, unless the whole is a path that exists; one that
is to hold a comma is quoted there: `data.root="'/a,b','/c'"`.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

PATHS = {
    "checkpoint", "checkpoint2", "model_file", "images", "examples", "masks", "output", "certificate", "source", "init",
    "resume", "data.root", "model.backbone.weights", "recipe.cache", "hydra.run.dir", "hydra.sweep.dir",
    "hydra.sweep.subdir",
}  # fmt: skip
NAMES = {
    "row", "split", "score", "data.name", "data.train_split", "data.val_split", "data.test_split", "logger.project",
    "logger.entity", "model.backbone.name", "url", "device", "group", "annotations",
    "repo", "revision", "license", "tune",
}  # fmt: skip
OPTION = re.compile(r"(\+{0,2}([\w./@]+))=(.*)", re.DOTALL)
BARE = re.compile(r"[A-Za-z0-9_./@%+-]+")  # what a sweep hands to its jobs as it stands
QUOTED = re.compile(r"""'.*'|".*\"""", re.DOTALL)
PIECE = re.compile(r"""'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|[^,]+""", re.DOTALL)
MULTIRUN = {"-m", "--multirun", "hydra.mode=MULTIRUN"}


def literal(arguments: Sequence[str]) -> list[str]:
    """Quote the values of path and name options, and what Hydra cannot read at all; expand a leading ~ of paths.

    -m comes first, for argparse does not take options on both sides of it.
    """
    sweep = not MULTIRUN.isdisjoint(arguments)
    ordered = sorted(arguments, key=lambda argument: argument not in MULTIRUN)
    return [_argument(argument, sweep=sweep) for argument in ordered]


def _argument(argument: str, *, sweep: bool) -> str:
    match = OPTION.fullmatch(argument)
    if match is None:
        return argument
    name, key, value = match.groups()
    sweep = sweep and not key.startswith("hydra.")
    if key in PATHS | NAMES:
        return f"{name}={_values(value, sweep=sweep, path=key in PATHS)}"
    if _parsed(value) is not None:
        return argument
    if value.startswith("[") and value.endswith("]"):
        return f"{name}=[{_values(value[1:-1], sweep=True, path=False)}]"
    return f"{name}={_values(value, sweep=sweep, path=False)}"


def _values(text: str, *, sweep: bool, path: bool) -> str:
    """Quote a value, or with `sweep` each of those that commas separate."""
    if not sweep or _exists(text):
        return _value(text, path=path)
    parsed = _parsed(text)
    if parsed is not None and parsed.is_sweep_override() and not getattr(parsed.value(), "simple_form", False):
        return text  # choice(...), glob(...), range(...)
    return ",".join(_value(piece.strip(), path=path) for piece in PIECE.findall(text))


def _value(text: str, *, path: bool) -> str:
    if path and text.startswith("~"):
        text = os.path.expanduser(text)  # noqa: PTH111  # Path would also drop ./ and //
    parsed = _parsed(text)
    if text in ("", "null", "???") or (QUOTED.fullmatch(text) and parsed is not None):
        return text
    if BARE.fullmatch(text) and parsed is not None and parsed.value() == text:
        return text
    inner = text[1:-1] if text.startswith('"') and text.endswith('"') else text  # as Lightning quotes hydra.run.dir
    return QuotedString(inner, Quote.single).with_quotes()


def _parsed(value: str) -> Override | None:
    """Read a value as Hydra does; None if it cannot."""
    try:
        return OverridesParser.create().parse_override(f"x={value}")
    except HydraException:
        return None


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, null byte
        return False
