"""JSON that tools wrote: whole, of limited size and depth, and liberal in what does not matter."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from fastfcn.data.text import decode
from fastfcn.reading import read_bytes

JSON_BYTES = 1_000_000_000  # COCO's instances_train2017.json has 450 MB
MAX_SIDE = 100_000  # pixels

Content = TypeVar("Content")


class OtherJSONError(ValueError):
    """A JSON file that is sound, and something else."""


def read_json(path: Path, schema: type[Content], known_as: str) -> Content:
    """Read a JSON file without the keys that `schema` does not name.

    Raises ValueError, naming the file and the place in it, if it is damaged or of another schema, and OtherJSONError if
    it lacks what the schema begins with.
    """
    try:
        return TypeAdapter(schema).validate_json(decode(read_bytes(path, JSON_BYTES), path))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"]).lstrip(".")
        reason = first["msg"][0].lower() + first["msg"][1:]
        other = (first["type"] == "missing" and len(first["loc"]) == 1) or first["type"] in ("dict_type", "model_type")
        kind = OtherJSONError if other and len(first["loc"]) <= 1 else ValueError
        raise kind(f"{path} is no {known_as}: {place + ': ' if place else ''}{reason}") from error


def _identifier(value: Any) -> Any:
    """Take 5, 5.0 and "5" for the same."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _whole(value: Any) -> Any:
    """Take 640, 640.0 and "640" for the same."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


Identifier = Annotated[str, BeforeValidator(_identifier)]
Side = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=MAX_SIDE, strict=True)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


def embedded_image(path: Path) -> str:
    """Return the image that a file of LabelMe's holds, in base64."""
    content = TypeAdapter(dict[str, Any]).validate_json(decode(read_bytes(path, JSON_BYTES), path))
    return str(content.get("imageData"))
