"""The names of classes."""

from collections.abc import Sequence
from pathlib import Path

from fastfcn.data.text import read_lines, same_form

LONGEST_NAME = 200  # characters
LABELME_IGNORE = "__ignore__"  # the first line of labelme's labels.txt: 255 in its masks, and the next line is 0


def read_classes(path: Path) -> tuple[str, ...]:
    """Read one class name a line; labelme's `__ignore__` is none.

    Raises FileNotFoundError if there is no such file, ValueError if it is no text or a line between others is empty.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no class names: write one a line into {path}, or give data.classes=[road,sky,...]")
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise ValueError(
            f"line {lines.index('') + 1} of {path} is empty, and the lines after it would be other classes than they "
            "seem; take it out, or give the class a name"
        )
    return tuple(lines[1:] if lines[:1] == [LABELME_IGNORE] else lines)


def labelme_note(path: Path) -> str | None:
    """Say how a classes.txt that is labelme's labels.txt is read; None if it is another."""
    if read_lines(path)[0] != LABELME_IGNORE:
        return None
    return f"{path} is labelme's list: {LABELME_IGNORE} is no class but 255 in masks, and the next line is class 0"


def require_class_names(classes: Sequence[str], data: str) -> None:
    """Raise ValueError if two classes have one name, or a name is empty, too long or cannot be shown."""
    first: dict[str, int] = {}
    for index, name in enumerate(classes):
        if not name.strip() or not name.isprintable():
            raise ValueError(f"class {index} of data={data} is called {name!r}; give it a name that can be read")
        if len(name) > LONGEST_NAME:
            raise ValueError(
                f"the name of class {index} of data={data}, {name[:30]}..., has {len(name)} characters; "
                f"it may have {LONGEST_NAME}"
            )
        other = first.setdefault(same_form(name.strip()), index)
        if other != index:
            raise ValueError(
                f"classes {other} and {index} of data={data} are both called {name!r}; give each a name of its own"
            )
