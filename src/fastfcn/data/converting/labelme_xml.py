"""The XML of LabelMe's web tool: polygons, and masks in PNGs of their own."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from PIL import Image

from fastfcn.data.converting.contents import Picture
from fastfcn.data.converting.geometry import Drawn, Geometry, patch
from fastfcn.data.converting.json_files import OtherJSONError
from fastfcn.data.converting.shapes import Shape, Shapes
from fastfcn.data.converting.tree import Tree
from fastfcn.data.converting.xml_files import read_xml
from fastfcn.safe_pictures import read_picture


def read_labelme_xml(path: Path, tree: Tree) -> Picture:
    """Read a file. Raises ValueError with its place for what is damaged, OtherJSONError for another kind of XML."""
    root = read_xml(path)
    if root.tag != "annotation" or root.find("filename") is None or root.find("object/bndbox") is not None:
        raise OtherJSONError(f"{path} is no file of LabelMe's")
    folder, name = (root.findtext("folder") or "").strip(), (root.findtext("filename") or "").strip()
    image = tree.image(f"{folder}/{name}", near=path)
    size = [root.findtext(f"imagesize/{side}") or "" for side in ("nrows", "ncols")]
    declared = (int(size[0]), int(size[1])) if all(each.strip().isdecimal() for each in size) else None
    return Picture(
        image, tree.name_of(image), Shapes(tuple(_shapes(path, root, tree)), declared, path), tree.split_of(image)
    )


def _shapes(path: Path, root: Element, tree: Tree) -> Iterator[Shape]:
    for number, each in enumerate(root.iter("object"), 1):
        label, place = (each.findtext("name") or "").strip(), f"{path}: object {number}"
        if (each.findtext("deleted") or "0").strip() == "1":
            continue
        if not label:
            raise ValueError(f"{place} has no name")
        yield Shape(label, _geometry(each, tree, path, place), f"{place} ({label})")


def _geometry(each: Element, tree: Tree, path: Path, place: str) -> Geometry:
    if (name := each.findtext("segm/mask")) is not None:
        mask = tree.image(f"Masks/{path.parent.name}/{name.strip()}", near=path)
        return patch(_covered(read_picture(mask)), 0, 0)
    try:
        points = [(float(point.findtext("x") or ""), float(point.findtext("y") or "")) for point in each.iter("pt")]
    except ValueError as error:
        raise ValueError(f"{place}: a coordinate is no number") from error
    return Drawn("polygon", tuple(points))


def _covered(picture: Image.Image) -> np.ndarray:
    """Return where a mask is not black, or where it is not transparent."""
    channel = picture.getchannel("A") if "A" in picture.getbands() else picture.convert("L")
    return np.array(channel) > 0
