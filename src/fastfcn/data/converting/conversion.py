"""Convert an export into a folder of one's own: what `prepare_data.py from=KIND` does."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.converting.contents import Contents, Legend, Reader
from fastfcn.data.converting.layout import IMAGES, MASKS, STAGING, UNSPLIT, Item, Layout, named_items
from fastfcn.data.converting.legend import build_legend, left_out
from fastfcn.data.converting.making import Job, Made, make
from fastfcn.data.converting.outcome import (
    Result,
    never_labelled,
    poor_splits,
    retract_names,
    tell_empty,
    write_names,
    write_report,
)
from fastfcn.data.converting.splitting import Splitting, split
from fastfcn.data.preparing.masks import in_parallel
from fastfcn.data.preparing.space import require_space
from fastfcn.data.preparing.unpack import unpack
from fastfcn.data.remapping import Remap

UNPACKED = "unpacked"  # in STAGING
ARCHIVES = (".zip", ".tar", ".tgz", ".gz")


@dataclass(frozen=True)
class Conversion:
    """What to convert, and how; `skip_faults` leaves out pictures with faults instead of stopping at them."""

    source: Path
    root: Path
    remap: Remap
    splitting: Splitting
    upright: bool
    skip_faults: bool
    workers: int


def convert(reader: Reader, conversion: Conversion) -> Result:
    """Convert what is not converted yet. Raises ValueError if there are faults, having told of them all."""
    root, layout = conversion.root, Layout(conversion.root)
    contents = reader.read(_opened(conversion), without=root)
    if conversion.splitting.resplit:
        contents.pictures = [replace(each, split=None) for each in contents.pictures]
    try:
        legend, items = build_legend(contents, conversion.remap), named_items(contents.pictures)
    except ValueError:
        _require_sound(contents, conversion)  # of which this may be a consequence
        raise
    layout.require_own(items)
    retract_names(root, legend)
    made = _make(conversion, layout, items, legend)
    contents.faults += [fault for each in made.values() for fault in each.faults]
    _require_sound(contents, conversion)
    sound = {item: each.pixels for item, each in made.items() if each.pixels is not None}
    pixels = _settle(conversion, layout, sound)
    result = Result(conversion.source, contents, legend, pixels, _warnings(contents, legend, made, pixels))
    write_report(root, result)
    write_names(root, legend)
    shutil.rmtree(root / STAGING, ignore_errors=True)
    return result


def _opened(conversion: Conversion) -> Path:
    """Return the source, unpacked if it is an archive."""
    source = conversion.source
    if not source.exists():
        raise FileNotFoundError(f"source={source} is not there; give the folder or file that the tool exported")
    if source.suffix.lower() not in ARCHIVES:
        return source
    target = conversion.root / STAGING / UNPACKED
    target.mkdir(parents=True, exist_ok=True)
    unpack(source, target)
    return target


def _make(conversion: Conversion, layout: Layout, items: Sequence[Item], legend: Legend) -> dict[Item, Made]:
    jobs = [
        Job(item.picture, legend, layout.current(IMAGES, item), layout.current(MASKS, item), conversion.upright)
        for item in items
    ]
    require_space(conversion.root, sum(job.picture.image.stat().st_size for job in jobs if not job.image.is_file()))
    made = in_parallel(make, jobs, description="converting", workers=conversion.workers)
    return dict(zip(items, made, strict=True))


def _require_sound(contents: Contents, conversion: Conversion) -> None:
    """Tell of all faults, and stop at them unless the pictures are to be left out."""
    for fault in contents.faults:
        print(f"{'left out: ' if conversion.skip_faults else ''}{fault}")
    if contents.faults and not conversion.skip_faults:
        raise ValueError(
            f"{len(contents.faults)} faults in source={conversion.source}, listed above, first: {contents.faults[0]}; "
            "mend them and run the same command again, or leave these pictures out with skip_faults=true"
        )
    if not contents.pictures:
        raise ValueError(f"source={conversion.source} has no labelled image")


def _settle(
    conversion: Conversion, layout: Layout, sound: Mapping[Item, NDArray[np.int64]]
) -> dict[str, list[NDArray[np.int64]]]:
    """Put every picture into its split, and return the pixels of each class."""
    pixels = defaultdict(list)
    for (item, counts), name in zip(sound.items(), split(conversion.splitting, sound), strict=True):
        layout.settle(item, name)
        pixels[name].append(counts)
    return {name: pixels[name] for name in (*UNSPLIT, *sorted(pixels)) if name in pixels}


def _warnings(
    contents: Contents, legend: Legend, made: Mapping[Item, Made], pixels: Mapping[str, list[NDArray[np.int64]]]
) -> list[str]:
    ignored = left_out(legend)
    turned = [item.picture.source for item, each in made.items() if each.turned]
    return [
        *contents.notes,
        *([ignored] if ignored else []),
        *tell_empty([shape for each in made.values() for shape in each.empty]),
        *never_labelled(contents, legend, pixels),
        *poor_splits(legend, pixels),
        *([_describe_turned(turned)] if turned else []),
    ]


def _describe_turned(turned: Sequence[str]) -> str:
    return (
        f"{len(turned)} images, the first {turned[0]}, have an EXIF orientation that does not change their size: if "
        "their labels were drawn on the pixels as they are stored, give data.upright=false"
    )
