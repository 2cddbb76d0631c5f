"""Annotation files of others, in JSON: read whole, against a schema."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from fastfcn.data.text import require_plain_name

MAX_SIDE = 4096  # of the photographs in these sets, which have 640 at most
Side = Annotated[int, Field(ge=1, le=MAX_SIDE, strict=True)]
Number = Annotated[int, Field(strict=True, ge=0, lt=2**63)]

Content = TypeVar("Content")


def read_annotations(path: Path, schema: type[Content]) -> Content:
    """Read the JSON at `path`, without the keys that `schema` does not name.

    Raises ValueError, naming the file and the place in it, if it is damaged or of another schema.
    """
    try:
        return TypeAdapter(schema).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = first["msg"][0].lower() + first["msg"][1:]
        raise ValueError(f"{path} is not the published file: {place + ': ' if place else ''}{reason}") from error


def stem_of(file_name: str, source: Path) -> str:
    """Return an image's name without its suffix. Raises ValueError if it could be a path."""
    return Path(require_plain_name(file_name, source)).stem
