"""From configuration nodes to objects, with every key checked against the constructor that reads it."""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError

Node = Mapping[str, Any]
Root = TypeVar("Root")


def plain(node: DictConfig) -> dict[str, Any]:
    """Resolve a node into plain dicts and lists. Raises ValueError naming a value that is still to be given."""
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        prefix = node._get_full_key(None)
        names = [f"{prefix}.{key}" if prefix else key for key in missing]
        raise ValueError(f"{', '.join(names)} must be given, for instance {names[0]}=VALUE")
    resolved = OmegaConf.to_container(node, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def build(node: Node, path: str, **arguments: Any) -> Any:
    """Instantiate the plain node found at `path` of the configuration; `arguments` are what configuration cannot know.

    Raises ValueError for a key that no constructor takes, or with the constructor's own reason.
    """
    check_keys(node, path)
    for key in set(node) & set(arguments):
        raise ValueError(
            f"{path}.{key} is not an option: the suite sets it (see recipe, devices, num_nodes and logger)"
        )
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        raise ValueError(_cause(error)) from error


def typed(root: type[Root], content: Node) -> Root:
    """Build the dataclass of a root configuration. Raises ValueError for a key or a value that does not fit."""
    hints = get_type_hints(root)
    for key, value in content.items():
        require_known(key, hints)
        _require_type(value, hints[key], key)
    return root(**content)


def check_keys(node: Node, path: str) -> None:
    """Raise ValueError if the target of a node, here or below, does not take one of its keys or values."""
    if "_target_" in node:
        target = _locate(node["_target_"], path)
        allowed, hints = inspect.signature(target).parameters, _hints(target)
        for key, value in node.items():
            if not key.startswith("_"):
                require_known(key, allowed, path)
                if key in hints and not isinstance(value, Mapping):
                    _require_type(value, hints[key], f"{path}.{key}")
    for key, value in node.items():
        if isinstance(value, Mapping):
            check_keys(value, f"{path}.{key}")


def require_known(key: str, allowed: Iterable[str], path: str = "") -> None:
    """Raise ValueError, with the nearest name, if `key` is not among `allowed`."""
    names = sorted(allowed)
    if key in names:
        return
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    where = f"{path}.{key}" if path else key
    raise ValueError(f"{where} is not an option; {hint}Allowed{f' in {path}' if path else ''}: {', '.join(names)}")


def _hints(target: Any) -> dict[str, Any]:
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except NameError:  # annotated with names that are imported for type checkers alone
        return {}


def _require_type(value: Any, hint: Any, path: str) -> None:
    try:
        TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise ValueError(f"{path}={value} does not fit: {reason[0].lower()}{reason[1:]}") from error


def _locate(target: str, path: str) -> Any:
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}._target_={target} cannot be found: {error}") from error


def _cause(error: BaseException) -> str:
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    return str(error)
