"""Tensor names of one implementation rewritten as those of another."""

import re
from collections.abc import Callable

Replacement = str | Callable[[re.Match[str]], str]
Rule = tuple[str, Replacement]


def rename(name: str, rules: list[Rule]) -> str:
    """Apply every rule to `name` in turn; a rule is a pattern and what takes its place."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
