"""The same validation images as every row predicts them, small enough to lie in the page."""

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fastfcn.reporting.comparison.table import Line
from fastfcn.safe_pictures import read_picture

IMAGES, TRUTH, PREDICTIONS = "images", "truth", "predictions"  # folders beside result.json
COUNT = 6  # pictures shown
FREE = "shapes"  # the one dataset whose images are nobody's: a page is easily passed on
SIDE = 320  # pixels of the longer side
LARGE_PNG = 24_000  # bytes, above which a photograph is smaller as JPEG
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True)
class Panel:
    """A picture (a data URI, None where there is none, and then the reason) and what it shows."""

    title: str
    source: str | None
    reason: str = ""


@dataclass(frozen=True)
class Gallery:
    """`rows` has image, truth and a prediction a line for every picture; `legend` pairs classes with `#rrggbb`."""

    rows: tuple[tuple[Panel, ...], ...]
    legend: tuple[tuple[str, str], ...]


def build_gallery(lines: Sequence[Line], differing: Mapping[str, float] | None = None) -> Gallery | None:
    """Collect the pictures of the first seed of every row; None where no run has kept any.

    Of those that most rows have, the images on which the rows differ most come first, if `differing` tells.
    """
    apart = {name.replace("/", "_"): amount for name, amount in (differing or {}).items()}
    folders = {line.label: line.runs[0].folder for line in lines}
    counts = Counter(path.stem for folder in folders.values() for path in _pictures(folder / PREDICTIONS))
    names = sorted(counts, key=lambda name: (-counts[name], -apart.get(name, 0), name))[:COUNT]
    if not names:
        return None
    rows = tuple(tuple(_panels(name, folders)) for name in (names if apart else sorted(names)))
    return Gallery(rows, _legend(lines))


def has_pictures(lines: Sequence[Line]) -> bool:
    """Tell whether any run has kept predictions."""
    return any((run.folder / PREDICTIONS).is_dir() for line in lines for run in line.runs)


def _panels(name: str, folders: dict[str, Path]) -> Iterator[Panel]:
    for kind, title in ((IMAGES, "image"), (TRUTH, "truth")):
        found = [path for folder in folders.values() for path in _pictures(folder / kind, name)]
        if found:
            yield panel(title, found[0])
    for label, folder in folders.items():
        path = next(_pictures(folder / PREDICTIONS, name), None)
        yield Panel(label, None) if path is None else panel(label, path)


def panel(title: str, path: Path) -> Panel:
    """Show a picture, or say why it cannot be shown."""
    try:
        return Panel(title, data_uri(path))
    except (ValueError, OSError) as error:
        return Panel(title, None, f"{error}"[:200])


def _pictures(folder: Path, stem: str | None = None) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES and stem in (None, path.stem):
                yield path


def data_uri(path: Path) -> str:
    """Encode a picture for the page, no larger than SIDE; a label map keeps its palette.

    Raises OSError, or ValueError, in one line, if it is damaged, or a link out of its run's folder.
    """
    picture = read_picture(path, within=path.parents[1])
    if picture.mode != "P":
        picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE))  # of a palette's indices Pillow takes the nearest, it mixes none
    kind, content = "png", _encoded(picture, "PNG", optimize=True)
    if picture.mode != "P" and len(content) > LARGE_PNG:
        kind, content = "jpeg", _encoded(picture, "JPEG", quality=85)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def _legend(lines: Sequence[Line]) -> tuple[tuple[str, str], ...]:
    """Read the colours of the classes from the palette of a prediction."""
    for line in lines:
        classes = list(line.runs[0].result.iou)
        for path in _pictures(line.runs[0].folder / PREDICTIONS):
            colours = _palette(path)
            if len(colours) >= len(classes):
                return tuple(zip(classes, colours, strict=False))
    return ()


def _palette(path: Path) -> list[str]:
    try:
        flat = read_picture(path, within=path.parents[1]).getpalette() or []
    except (OSError, ValueError):
        return []
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in zip(*[iter(flat)] * 3, strict=False)]
