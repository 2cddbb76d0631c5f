"""The page of the public names, from their signatures and docstrings."""

import ast
from collections.abc import Iterator

from making.sources import Module, read_module

PACKAGE = "fastfcn"
RETURNED = {  # what the public names return and take, with the homes of these
    "Segmenter": "fastfcn.models.segmenter",
    "FastSegmenter": "fastfcn.models.inference",
    "Features": "fastfcn.models.features",
}
WIDTH = 88  # of a signature on one line


def api() -> str:
    """Return the page."""
    package = read_module(PACKAGE)
    assert package is not None
    homes: dict[str, str] = package.constant("HOMES")
    public = "\n".join(_described(name, home, f"{PACKAGE}.{name}") for name, home in homes.items())
    returned = "\n".join(_described(name, home, f"{home}.{name}") for name, home in RETURNED.items())
    return (
        f"# Python\n\n`import {PACKAGE}` has these names; everything below is the suite's own and may change.\n\n"
        f"{public}\n## What networks are\n\n{returned.replace('## ', '### ')}"
    )


def _described(name: str, home: str, written: str) -> str:
    module = read_module(home)
    found = module.find(name) if module else None
    assert found is not None
    node = found[1]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    lines = _signature(written, node) if isinstance(node, ast.FunctionDef) else _members(written, node, found[0])
    return f"## {name}\n\n```python\n" + "\n".join(lines) + f"\n```\n\n{ast.get_docstring(node)}\n"


def _signature(name: str, node: ast.FunctionDef) -> Iterator[str]:
    arguments = [*_arguments(node.args)]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({', '.join(arguments)}){returned}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield from (f"{name}(", *(f"    {argument}," for argument in arguments), f"){returned}")


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    places = [each for each in arguments.args if each.arg != "self"]
    defaults = [None] * (len(places) - len(arguments.defaults)) + list(arguments.defaults)
    for place, default in zip(places, defaults, strict=True):
        yield _argument(place, default)
    if arguments.kwonlyargs:
        yield "*"
    for place, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(place, default)


def _argument(place: ast.arg, default: ast.expr | None) -> str:
    typed = f"{place.arg}: {ast.unparse(place.annotation)}" if place.annotation else place.arg
    return f"{typed} = {ast.unparse(default)}" if default else typed


def _members(name: str, node: ast.ClassDef, module: Module) -> Iterator[str]:
    """Yield a class's fields, and the signatures of its methods that are called."""
    yield f"class {name}"
    for each in node.body:
        if isinstance(each, ast.AnnAssign):
            yield f"    {ast.get_source_segment(module.text, each)}"
        elif isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
            yield from (f"    {line}" for line in _signature(each.name, each))
