"""`prepare_data.py data=folder from=KIND source=PATH`: what it takes, and what it tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastfcn.composition import TARGET, build
from fastfcn.data.converting.contents import Reader
from fastfcn.data.converting.conversion import Conversion, convert
from fastfcn.data.converting.outcome import REPORT, Result
from fastfcn.data.folder import Folder
from fastfcn.data.preparing.alone import alone
from fastfcn.data.preparing.counts import ClassCounts
from fastfcn.disk import explained
from fastfcn.installation import CONF, how_to_call

OF_MASKS = (
    "classes",
    "palette",
    "values",
    "remap",
    "fold",
)  # of data=folder, once it is made


def build_reader(options: Mapping[str, Any]) -> Reader:
    """Build what reads a kind of source from what from=KIND brings. Raises ValueError if an option does not fit."""
    node = options.get("reader")
    if node is None:
        kinds = "|".join(sorted(path.stem for path in (CONF / "from").glob("*.yaml")))
        raise ValueError(f"source= needs the kind of what was exported: from={kinds}")
    reader: Reader = build({**node, **{key: value for key, value in options.items() if key != "reader"}}, "")
    return reader


def bring(data: Mapping[str, Any], reader: Reader, conversion: Conversion) -> None:
    """Convert into data.root and tell what came of it. Raises ValueError if there are faults."""
    if data[TARGET] != f"{Folder.__module__}.{Folder.__qualname__}":
        raise ValueError("from= fills a folder of your own: data=folder data.root=PATH")
    for key in OF_MASKS:
        if data.get(key) is not None:
            raise ValueError(
                f"data.{key} tells how a folder is read; what it is made from is told by classes= and the like"
            )
    root = conversion.root
    if conversion.source.resolve() == root.resolve():
        raise ValueError(f"source= and data.root= are both {root}; give data.root= another folder, which is filled")
    root.mkdir(parents=True, exist_ok=True)
    with explained(root), alone(root):
        result = convert(reader, conversion)
    _show(root, result)


def _show(root: Path, result: Result) -> None:
    data = Folder(root=str(root))
    splits = {name: data.pairs(name) for name in result.pixels}
    counts = ClassCounts(data, {name: set(pairs) for name, pairs in splits.items()})
    for name, pairs in splits.items():
        for pair, pixels in zip(pairs, result.pixels[name], strict=True):  # each of some image of the split
            counts.add(pair, pixels)
    counts.show()
    for warning in result.warnings:
        print(f"warning: {warning}")
    told = ", ".join(f"{len(pairs)} {name}" for name, pairs in splits.items())
    print(f"folder: {told} images, {len(data.classes)} classes, ready in {root}, told in {root / REPORT}; train with:")
    print(f"  {how_to_call('train')} model=encnet_jpu data=folder data.root={root}")
