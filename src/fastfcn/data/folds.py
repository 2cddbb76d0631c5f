"""Folds of cross-validation: lists of images, `folds/NUMBER/train.txt` and `val.txt`, with `SPLIT/NAME` a line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastfcn.data.pairs import Pair
from fastfcn.data.text import read_lines, require_plain_name
from fastfcn.files import write_atomically
from fastfcn.installation import how_to_call

FOLDS, TRAIN, VAL = "folds", "train", "val"


def read_fold(root: Path, fold: int, part: str) -> list[tuple[str, str]]:
    """Read a list as splits and names. Raises FileNotFoundError, with the remedy, or ValueError for what is no list."""
    path = root / FOLDS / str(fold) / f"{part}.txt"
    if not path.is_file():
        there = len(list((root / FOLDS).glob(f"*/{part}.txt")))
        raise FileNotFoundError(
            f"data.fold={fold} has no {path}; "
            + (f"there are folds 0 to {there - 1}" if there else "there are no folds")
            + f": {how_to_call('prepare_data')} data=folder data.root={root} folds=N makes some"
        )
    found = [line.partition("/") for line in read_lines(path) if line]
    return [(require_plain_name(split, path), require_plain_name(name, path)) for split, _, name in found]


def pick(listed: Sequence[tuple[str, str]], pairs: Callable[[str], list[Pair]]) -> list[Pair]:
    """Return the listed pairs. Raises FileNotFoundError if an image is not there."""
    known = {(split, pair.image.name): pair for split in {split for split, _ in listed} for pair in pairs(split)}
    absent = [each for each in listed if each not in known]
    if absent:
        raise FileNotFoundError(
            f"the fold lists {len(absent)} images that are not there, first {'/'.join(absent[0])}: make the folds anew"
        )
    return [known[each] for each in listed]


def write_folds(root: Path, images: Sequence[tuple[str, str]], parts: Sequence[int]) -> None:
    """Write the lists of every fold, the validation images of which are those of its part."""
    for fold in range(max(parts) + 1):
        for part in (TRAIN, VAL):
            chosen = [each for each, number in zip(images, parts, strict=True) if (number == fold) == (part == VAL)]
            text = "".join(f"{split}/{name}\n" for split, name in chosen)
            write_atomically(root / FOLDS / str(fold) / f"{part}.txt", text.encode())
