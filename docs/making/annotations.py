"""What an annotation allows, in the words of a user."""

import ast
from collections.abc import Iterable

from making.sources import Module

WORDS = {
    "int": "whole number", "float": "number", "str": "text", "bool": "true or false", "None": "null",
    "Any": "", "object": "", "Path": "path",
}  # fmt: skip
LISTS = ("list", "tuple", "Sequence", "Iterable")
MAPS = ("dict", "Mapping")


def words(node: ast.expr | None, module: Module) -> str:
    """Say what values an annotation allows; nothing where it allows anything."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant):
        return "null" if node.value is None else f"`{node.value}`"
    if isinstance(node, ast.Name):
        return _named(node.id, module)
    if isinstance(node, ast.BinOp):
        parts = dict.fromkeys(filter(None, (words(node.left, module), words(node.right, module))))
        return (", or " if any("," in part for part in parts) else " or ").join(parts)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _generic(node.value.id, parts, module)
    return ""


def _named(name: str, module: Module) -> str:
    if name in WORDS:
        return WORDS[name]
    found = module.find(name)
    if found and isinstance(found[1], ast.Assign):
        return words(found[1].value, found[0])
    return ""


def _generic(kind: str, parts: list[ast.expr], module: Module) -> str:
    if kind == "Annotated":
        return _narrowed(words(parts[0], module), parts[1:], module)
    if kind == "Literal":
        return _either(f"`{_plain(module.value(part))}`" for part in parts)
    if kind in LISTS:
        return _list([part for part in parts if not (isinstance(part, ast.Constant) and part.value is ...)], module)
    if kind in MAPS:
        return "map"
    if kind in ("NotRequired", "Final"):
        return words(parts[0], module)
    return ""


def _list(parts: list[ast.expr], module: Module) -> str:
    inner = [words(part, module) for part in parts]
    if len(inner) > 1:
        return f"{inner[0]}: {len(inner)} of them" if len(set(inner)) == 1 else "list"
    return f"list of: {inner[0]}" if inner and inner[0] else "list"


def _narrowed(base: str, checks: Iterable[ast.expr], module: Module) -> str:
    """Add to what a type allows what its checks say of it."""
    for check in checks:
        if isinstance(check, ast.Name):  # NOT_EMPTY, a validator of a name
            continue
        if not (isinstance(check, ast.Call) and isinstance(check.func, ast.Name)):
            continue
        if check.func.id == "within":
            base = f"{base}, {_range([module.value(each) for each in check.args])}"
        elif check.func.id in ("holds", "either"):
            said = str(module.value(check.args[0]))
            base = f"{base}, {said}" if base in (WORDS["int"], WORDS["float"]) and check.func.id == "holds" else said
    return base


def _range(ends: list[float]) -> str:
    return f"{ends[0]:g} or more" if len(ends) == 1 else f"{ends[0]:g} to {ends[1]:.15g}"


def _plain(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _either(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
