"""Lists of classes and their colours, as datasets and tools write them."""

import re
from collections.abc import Mapping
from pathlib import Path

from fastfcn.data.palette import Colour, read_legend, voc_palette
from fastfcn.data.text import read_lines
from fastfcn.data.voc import CLASSES as VOC_CLASSES

PUBLISHED = ("ade20k", "camvid", "cityscapes", "voc")
FILES = ("label_colors.txt", "labelmap.txt", "class_dict.csv", "palette.txt")  # looked for in a source
VOC_BORDER = (224, 224, 192)
MOST_COLOURS = 255
BYTE = r"(?<![\w.])(\d{1,3})(?![\w.])"
THREE = re.compile(rf"{BYTE}[\s,;]+{BYTE}[\s,;]+{BYTE}")
HEXADECIMAL = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})\b")


def published_colours(name: str) -> dict[Colour, str]:
    """Return the colours of a public set."""
    if name == "voc":
        return {**dict(zip(voc_palette(len(VOC_CLASSES)), VOC_CLASSES, strict=True)), VOC_BORDER: "ignored"}
    names, colours = read_legend(name)
    return dict(zip(colours, names, strict=True))


def read_colours(path: Path) -> dict[Colour, str]:
    """Read a class a line: a name before or after three numbers or #rrggbb, whatever stands between them.

    These are label_colors.txt of CamVid, labelmap.txt of CVAT and class_dict.csv; comments and a heading are passed
    over. Raises ValueError naming the line.
    """
    found: dict[Colour, str] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line or (line.startswith("#") and not HEXADECIMAL.match(line)):
            continue
        match = HEXADECIMAL.search(line) or THREE.search(line)
        if match is None:
            if found:
                raise ValueError(f"line {number} of {path} has no colour: {line[:80]}")
            continue  # the heading
        red, green, blue = (int(each, 16 if match.re is HEXADECIMAL else 10) for each in match.groups())
        name = f"{line[: match.start()]} {line[match.end() :]}".strip(" \t,;:'\"")
        if not name or max(red, green, blue) > 255:
            raise ValueError(f"line {number} of {path} is not a name and three numbers up to 255: {line[:80]}")
        if found.setdefault((red, green, blue), name) != name:
            raise ValueError(f"line {number} of {path} gives {name!r} the colour of {found[red, green, blue]!r}")
    if not found:
        raise ValueError(f"{path} holds no colours; a line is RED GREEN BLUE NAME")
    return found


def colours_of(palette: Mapping[str, Colour] | str, source: Path) -> dict[Colour, str]:
    """Return the classes by colour: those given, of a public set, or of a file, which may lie in the source."""
    if isinstance(palette, str):
        if palette in PUBLISHED:
            return published_colours(palette)
        path = Path(palette) if Path(palette).is_file() else source / palette
        if not path.is_file():
            raise ValueError(
                f"palette={palette} is no file and none of {', '.join(PUBLISHED)}; a file has lines RED GREEN BLUE NAME"
            )
        return read_colours(path)
    found: dict[Colour, str] = {}
    for name, colour in palette.items():
        if found.setdefault(tuple(colour), name) != name:  # type: ignore[arg-type]
            raise ValueError(f"palette gives {name} and {found[tuple(colour)]} one colour")  # type: ignore[index]
    return found
