"""What the source says without being imported: arguments of constructors, their defaults, comments and docstrings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor, or a field of a dataclass or a TypedDict."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    by_caller: bool  # positional and needed: what a partial target is given by the suite
    home: "Module"


@dataclass(frozen=True)
class Module:
    """A parsed module: what is defined in it by name, and where what it imports comes from."""

    name: str
    path: Path
    text: str
    defined: dict[str, ast.stmt]
    imported: dict[str, tuple[str, str]]

    def find(self, name: str) -> "tuple[Module, ast.stmt] | None":
        """Return the definition of a name, and the module that has it; None outside of the suite."""
        if name in self.defined:
            return self, self.defined[name]
        module, inner = self.imported.get(name, ("", ""))
        home = read_module(module)
        return home.find(inner) if home else None

    def constant(self, name: str) -> Any:
        """Return the value of a constant. Raises ValueError for what is no literal."""
        home, node = self.find(name) or (self, None)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is None:
            raise ValueError(f"{name} is no constant of {self.name}")
        return home.value(value)

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression of literals and constants. Raises ValueError for any other."""
        if isinstance(node, ast.Name):
            return self.constant(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            return [self.value(each) for each in node.elts]
        if isinstance(node, ast.Dict):
            return {
                self.value(key): self.value(value) for key, value in zip(node.keys, node.values, strict=True) if key
            }
        if isinstance(node, ast.JoinedStr):
            return "".join(self._formatted(each) for each in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Pow):
            left, right = self.value(node.left), self.value(node.right)
            return left / right if isinstance(node.op, ast.Div) else left**right
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            return self.value(node.left) - self.value(node.right)
        return ast.literal_eval(node)

    def _formatted(self, node: ast.expr) -> str:
        return f"{self.value(node.value):g}" if isinstance(node, ast.FormattedValue) else str(self.value(node))


@cache
def read_module(name: str) -> Module | None:
    """Parse a module of the suite; None for any other."""
    stem = SOURCE / name.replace(".", "/")
    path = next((each for each in (stem.with_suffix(".py"), stem / "__init__.py") if name and each.is_file()), None)
    if path is None:
        return None
    defined: dict[str, ast.stmt] = {}
    imported: dict[str, tuple[str, str]] = {}
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            defined |= _assigned(node)
    return Module(name, path, text, defined, imported)


def _assigned(node: ast.Assign | ast.AnnAssign) -> dict[str, ast.stmt]:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=True)
        return {each.id: ast.Assign([each], value) for each, value in pairs if isinstance(each, ast.Name)}
    return {target.id: node} if isinstance(target, ast.Name) else {}


def find_class(target: str) -> tuple[Module, ast.ClassDef] | None:
    """Return the class that a `_target_` names, None where it is not the suite's."""
    module, _, name = target.rpartition(".")
    home = read_module(module)
    found = home.find(name) if home else None
    return (found[0], found[1]) if found and isinstance(found[1], ast.ClassDef) else None


def lineage(target: str) -> Iterator[tuple[Module, ast.ClassDef]]:
    """Yield a class of the suite and those that it inherits from, nearest first."""
    found = find_class(target)
    if found is None:
        return
    yield found
    module, node = found
    for base in node.bases:
        if isinstance(base, ast.Name) and (parent := module.find(base.id)):
            yield from lineage(f"{parent[0].name}.{base.id}")


def arguments_of(target: str) -> dict[str, Argument]:
    """Return what the constructor of a class takes by name, in its order; fields where none is written."""
    fields: dict[str, Argument] = {}
    for module, node in lineage(target):
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                return {argument.name: argument for argument in _signature(module, each)}
        own = [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
        for each in own:
            name = each.target.id  # type: ignore[union-attr]
            if "ClassVar" not in ast.unparse(each.annotation):
                fields.setdefault(name, Argument(name, each.annotation, each.value, False, module))
    return fields


def _signature(module: Module, node: ast.FunctionDef) -> Iterator[Argument]:
    places = [*node.args.posonlyargs, *node.args.args][1:]
    defaults = [None] * (len(places) - len(node.args.defaults)) + node.args.defaults
    for place, default in zip(places, defaults, strict=True):
        yield Argument(place.arg, place.annotation, default, default is None, module)
    for place, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        yield Argument(place.arg, place.annotation, default, False, module)


def summary(target: str) -> str:
    """Return the first paragraph of a class's docstring, as one line."""
    return next((doc.partition("\n\n")[0].replace("\n", " ") for _, doc in _docstrings(target)), "")


def mention(target: str, name: str) -> str:
    """Return the parts of sentences in which a class's docstring, or that of one above it, speaks of an argument."""
    for _, doc in _docstrings(target):
        pieces = re.split(r"(?<=[.;])\s+", doc.replace("\n", " "))
        said = [piece.rstrip(".;") for piece in pieces if f"`{name}`" in piece]
        if said:
            return "; ".join(said)
    return ""


def _docstrings(target: str) -> Iterator[tuple[Module, str]]:
    for module, node in lineage(target):
        if doc := ast.get_docstring(node):
            yield module, doc
