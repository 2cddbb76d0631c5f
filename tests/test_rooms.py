"""Which part of the package may import which: rooms above use rooms below, and nothing runs in a circle."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fastfcn.installation import ROOT

SOURCE = ROOT / "src/fastfcn"
FLOORS = {  # from below; a module of the package itself belongs to no room
    "models": 0, "data": 1, "tracking": 2, "training": 3, "evaluation": 3, "prediction": 3, "exporting": 3,
    "importing": 3, "hub": 3, "reporting": 3, "sweeping": 3, "benchmarking": 3,
}  # fmt: skip


def name_of(path: Path) -> str:
    return ".".join(("fastfcn", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports when it is imported itself."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@cache
def arrows() -> dict[str, set[str]]:
    """Map every module to those that it imports."""
    modules = {name_of(path): path for path in SOURCE.rglob("*.py")}
    return {
        name: {each for each in imported(ast.parse(path.read_text())) if each in modules} - {name}
        for name, path in modules.items()
    }


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the ways on which a module comes back to itself, one for each that is found."""
    found, ended = [], set()

    def follow(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in ended:
            for other in sorted(arrows[name]):
                follow(other, [*way, name])
            ended.add(name)

    for name in arrows:
        follow(name, [])
    return found


def test_nothing_runs_in_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
    assert circles(arrows()) == []


def test_rooms_use_what_is_below() -> None:
    rooms = {name: name.split(".")[1] for name in arrows() if name.count(".") >= 1}
    assert {path.parent.name for path in SOURCE.glob("*/__init__.py")} == set(FLOORS)
    upward = [
        f"{name} imports {other}"
        for name, others in arrows().items()
        for other in others
        if FLOORS.get(rooms.get(other, ""), -1) > FLOORS.get(rooms.get(name, ""), 9)
    ]
    assert upward == []
