"""XML that tools wrote, read without document types, and so without entities, and within limits of size and depth."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from fastfcn.reading import read_bytes

XML_BYTES = 200_000_000
XML_DEPTH = 32


def read_xml(path: Path) -> Element:
    """Read a whole file. Raises ValueError naming it, and the line, if it is damaged or could be an attack."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > XML_DEPTH:
            raise ValueError(f"{path} is nested more than {XML_DEPTH} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise ValueError(f"{path} declares a document type, which annotations have no need of; it is refused")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(read_bytes(path, XML_BYTES), True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    root: Element = builder.close()
    return root
