"""From configuration nodes to objects, with every key and value checked against the constructor that reads it."""

import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from fastfcn.fitting import named_part, require_fitting, require_part
from fastfcn.nearest import did_you_mean

Node = Mapping[str, Any]
Root = TypeVar("Root")

TARGET, PARTIAL = "_target_", "_partial_"
GIVEN = {"model": ("num_classes",), "data": ("root",)}  # what these nodes may leave to who builds them
TRAINING_ONLY = ("recipe", "augmentation", "suggested", "loss")  # what data=NAME brings for training


def plain(node: DictConfig) -> dict[str, Any]:
    """Resolve a node into plain dicts and lists. Raises ValueError naming a value that is still to be given."""
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        prefix = node._get_full_key(None)
        raise ValueError(_must_be_given([f"{prefix}.{key}" if prefix else key for key in missing]))
    resolved = OmegaConf.to_container(node, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def without_training(config: DictConfig) -> dict[str, Any]:
    """Resolve a configuration without what data=NAME brings for training alone."""
    kept = [str(key) for key in config if key not in TRAINING_ONLY]
    return plain(OmegaConf.masked_copy(config, kept))


def build(node: Node, path: str, **arguments: Any) -> Any:
    """Instantiate the plain node found at `path` of the configuration; `arguments` are what configuration cannot know.

    Raises ValueError for a key that no constructor takes, a value that does not fit its type, or with the
    constructor's own reason.
    """
    for key in sorted(set(node) & set(arguments)):
        raise ValueError(
            f"{path}.{key} is not an option: the suite sets it (see recipe, devices, num_nodes and logger)"
        )
    if PARTIAL in node:
        raise ValueError(f"{path}.{PARTIAL} is not an option")
    check_keys(node, path, given=arguments)
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        raise ValueError(_cause(error)) from error


def typed(root: type[Root], content: Node) -> Root:
    """Build the dataclass of a root configuration. Raises ValueError for a key or a value that does not fit."""
    hints = get_type_hints(root, include_extras=True)
    for key, value in content.items():
        require_known(key, hints)
        require_fitting(value, hints[key], key)
    needed = [field.name for field in fields(root) if field.default is MISSING]  # type: ignore[arg-type]
    for key in needed:
        if key not in content:
            raise ValueError(f"{key} must be given: ~{key} or {key}=null takes away what the suite cannot do without")
    return root(**content)


def check_keys(node: Node, path: str, *, given: Iterable[str] = ()) -> None:
    """Raise ValueError if the target of a node, here or below, does not take one of its keys or values.

    An empty `path` is the root. `given` names arguments that the suite adds. To a partial target the caller adds more.
    """
    target = _locate(node.get(TARGET), path)
    parameters, hints = _parameters(target, partial=bool(node.get(PARTIAL))), _hints(target)
    for key, value in node.items():
        if key in (TARGET, PARTIAL):
            continue
        if not any(each.kind == each.VAR_KEYWORD for each in parameters.values()):
            require_known(key, parameters, path)
        _check_value(value, hints.get(key, Any), _joined(path, key))
    if missing := [_joined(path, key) for key in _required(parameters) if key not in {*node, *given}]:
        raise ValueError(_must_be_given(missing))


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _check_value(value: Any, hint: Any, place: str) -> None:
    if _is_node(value):
        require_part(_locate(value[TARGET], place), hint, place, partial=bool(value.get(PARTIAL)))
        check_keys(value, place)
    elif isinstance(value, Mapping) and (part := named_part(hint)) is not None:
        for name, inner in value.items():
            _check_value(inner, part, f"{place}.{name}")
    else:
        require_fitting(value, hint, place)
        for inner in _nodes(value):
            raise ValueError(f"{place} takes plain values, and no {TARGET}={inner[TARGET]}")


def completed(node: Node) -> dict[str, Any]:
    """Add to the nodes of a configuration, here and below, what they leave to the defaults of their constructors."""
    full = {key: completed(value) if isinstance(value, Mapping) else value for key, value in node.items()}
    if TARGET in node:
        parameters = inspect.signature(_locate(node[TARGET], TARGET)).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
        full = {
            name: list(value) if isinstance(value, tuple) else value for name, value in {**defaults, **full}.items()
        }
    return full


def require_known(key: str, allowed: Iterable[str], path: str = "") -> None:
    """Raise ValueError, with the nearest name, if `key` is not among `allowed`."""
    names = sorted(allowed)
    if key in names:
        return
    hint = did_you_mean(key, names)
    raise ValueError(
        f"{_joined(path, key)} is not an option; {hint}{'A' if hint else 'a'}llowed"
        f"{f' in {path}' if path else ''}: {', '.join(names) or 'none'}"
    )


def _must_be_given(names: list[str]) -> str:
    return f"{', '.join(names)} must be given, for instance {names[0]}=VALUE"


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping) and TARGET in value


def _nodes(value: Any) -> Iterator[Node]:
    """Find the nodes within plain data."""
    if _is_node(value):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _nodes(inner)


def _parameters(target: Any, *, partial: bool) -> dict[str, inspect.Parameter]:
    """Return the parameters that a configuration may set; the first of a partial target are its caller's."""
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise ValueError(f"{TARGET}={target} is nothing that can be built") from error
    given = {name for name, each in parameters.items() if each.kind != each.KEYWORD_ONLY and each.default is each.empty}
    return {name: each for name, each in parameters.items() if not partial or name not in given}


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, each in parameters.items() if each.default is each.empty and each.kind in kinds]


def _hints(target: Any) -> dict[str, Any]:
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, TypeError):  # annotated with names that are imported for type checkers alone, or not at all
        return {}


def _locate(target: Any, path: str) -> Any:
    if target is None:
        raise ValueError(_must_be_given([f"{path}.{TARGET}"]))
    module, _, name = str(target).rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}.{TARGET}={target} cannot be found: {error}") from error


def _cause(error: BaseException) -> str:
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    return str(error)
