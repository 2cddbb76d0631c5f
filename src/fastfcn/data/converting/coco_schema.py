"""What a COCO JSON holds, as far as it is read; tools leave out much of it, and add more."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from fastfcn.data.converting.json_files import Identifier, Side


class Category(TypedDict):
    """A category."""

    id: Identifier
    name: NotRequired[Any]
    supercategory: NotRequired[Any]
    color: NotRequired[Any]


class Photograph(TypedDict):
    """An image."""

    id: Identifier
    file_name: str
    height: NotRequired[Side | None]
    width: NotRequired[Side | None]


class Instance(TypedDict):
    """An object, or in panoptic files all segments of an image."""

    image_id: Identifier
    category_id: NotRequired[Identifier | None]
    segmentation: NotRequired[Any]
    bbox: NotRequired[Any]
    file_name: NotRequired[str]
    segments_info: NotRequired[list[dict[str, Any]]]


class Annotations(TypedDict):
    """A file."""

    images: list[Photograph]
    annotations: list[Instance]
    categories: NotRequired[list[Category]]
