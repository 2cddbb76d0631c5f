"""Whether a value fits the type that a signature states: strictly, and said in the user's words."""

import inspect
import json
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import is_typeddict  # pydantic wants the TypedDict of this package before Python 3.12

from fastfcn.options import RANGE

LONGEST = 100  # characters of a value in a message
STRICT = ConfigDict(arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
OPEN = ConfigDict(**STRICT, extra="allow")  # of a TypedDict that names some of the keys
PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, type(None))
PART = "it is a part of its own: choose one by {group}=NAME, or set its options by {path}.KEY=VALUE"
REASONS = {
    "needs_python_object": PART,
    "callable_type": PART,
    "bool_type": "input should be true or false",
    "missing": "it has too few values",
    "too_long": "it has too many values",
    "dict_type": "input should be options, given by {path}.KEY=VALUE",
    "tuple_type": "input should be a list: [A,B,...]",
    "list_type": "input should be a list: [A,B,...]",
}


def require_fitting(value: Any, hint: Any, path: str) -> None:
    """Raise ValueError if a value of the configuration, plain data, is not of type `hint`.

    Nothing is converted: neither true nor 2.0 nor "2" is an integer. A list fits a tuple, an integer a float.
    """
    try:
        _adapter(hint).validate_json(json.dumps(value, default=repr))
    except ValidationError as error:
        raise ValueError(_explain(error.errors()[0], value, path)) from error


def require_fields(instance: object, path: str) -> None:
    """Raise ValueError if a field of a dataclass is not of its type, for those that code builds."""
    for name, hint in get_type_hints(type(instance), include_extras=True).items():
        require_fitting(getattr(instance, name), hint, f"{path}.{name}")


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint, config=None if is_typeddict(hint) else STRICT)


def _explain(error: ErrorDetails, value: Any, path: str) -> str:
    """Say what is wrong with a value, or with the part of it that the error's place names."""
    for key in error["loc"]:
        if key in (range(len(value)) if isinstance(value, list) else value if isinstance(value, Mapping) else ()):
            value, path = value[key], f"{path}.{key}"
    if error["type"] == "missing" and isinstance(value, Mapping):
        name = f"{path}.{error['loc'][-1]}"
        return f"{name} must be given, for instance {name}=VALUE"
    if error["type"] == RANGE:
        return f"{path} must be {error['msg']}, got {shortened(value)}"
    said = REASONS.get(error["type"])
    reason = said.format(path=path, group=path.replace(".", "/")) if said else error["msg"]
    return f"{path}={shortened(value)} does not fit: {reason[0].lower()}{reason[1:]}"


def require_part(target: Any, hint: Any, path: str, *, partial: bool) -> None:
    """Raise ValueError if a parameter of type `hint` does not take what `target` builds, or itself if `partial`."""
    if not _takes(hint, target, partial=partial):
        name = getattr(target, "__qualname__", target)
        turned = _takes(hint, target, partial=not partial)
        reason = f" {'with' if partial else 'without'} _partial_=true" if turned else ""
        raise ValueError(f"{path} takes no {name} (_target_=){reason}")


def named_part(hint: Any) -> Any:
    """Return the type of the parts that a parameter of type `hint` takes by name; None if it takes none so."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(filter(None, map(named_part, get_args(hint))), None)
    named = get_origin(hint) is Mapping and inspect.isclass(part := get_args(hint)[1]) and part not in PLAIN
    return part if named else None


def shortened(value: Any, longest: int = LONGEST) -> str:
    """Write a value as YAML has it, cut where it is long."""
    bare = isinstance(value, str) and value.strip() and not _like_a_number(value)
    text = value if bare else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _takes(hint: Any, target: Any, *, partial: bool) -> bool:
    if hint is Any:
        return True
    if get_origin(hint) is Annotated:
        return _takes(get_args(hint)[0], target, partial=partial)
    if get_origin(hint) in (Union, types.UnionType):
        return any(_takes(each, target, partial=partial) for each in get_args(hint))
    if _callable(hint):
        return partial and _takes(get_args(hint)[1], target, partial=False)
    if not inspect.isclass(hint) or hint in PLAIN or partial:
        return False
    return not inspect.isclass(target) or issubclass(target, hint)


def _callable(hint: Any) -> bool:
    return get_origin(hint) is Callable
