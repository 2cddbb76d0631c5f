"""The folders that are filled: images/SPLIT and masks/SPLIT, by way of a hidden one that nothing reads."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastfcn.data.converting.contents import Picture
from fastfcn.data.images import is_image
from fastfcn.data.listing import shortened
from fastfcn.data.text import require_plain_name, same_form

STAGING = ".converting"  # in data.root
IMAGES, MASKS = KINDS = ("images", "masks")
TRAIN, VAL, TEST = "train", "val", "test"
UNSPLIT = (TRAIN, VAL, TEST)  # where a picture may be that the source puts into no split


@dataclass(frozen=True, eq=False)
class Item:
    """A picture and the name of its files; itself alone is equal to it."""

    picture: Picture
    name: str

    def file(self, kind: str) -> str:
        """Return the name of its image or mask."""
        return f"{self.name}{Path(self.picture.name).suffix if kind == IMAGES else '.png'}"


def named_items(pictures: Sequence[Picture]) -> list[Item]:
    """Name every picture as its file, or where a split has that name twice by its folders, too.

    Raises ValueError if two would still be one, or an image is labelled twice.
    """
    labelled = Counter(picture.source for picture in pictures)
    source, times = labelled.most_common(1)[0] if labelled else ("", 0)
    if times > 1:
        raise ValueError(f"{source} is labelled {times} times in the source; choose one annotation of it")
    stems = [(picture.split, same_form(PurePosixPath(picture.name).stem).lower()) for picture in pictures]
    count = Counter(stems)
    items = [Item(each, _name(each, long=count[stem] > 1)) for each, stem in zip(pictures, stems, strict=True)]
    first: dict[tuple[str | None, str], Picture] = {}
    for item in items:
        other = first.setdefault((item.picture.split, same_form(item.name).lower()), item.picture)
        if other is not item.picture:
            raise ValueError(
                f"{item.picture.source} and {other.source} would have one mask, {item.name}.png; rename one"
            )
        require_plain_name(item.name, item.picture.image)
    return items


def _name(picture: Picture, *, long: bool) -> str:
    path = PurePosixPath(picture.name)
    return "_".join((*path.parts[:-1], path.stem)) if long else path.stem


class Layout:
    """Where the files of a picture are, and go."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current(self, kind: str, item: Item) -> Path:
        """Return where a file is, or is to be made until all are."""
        split = item.picture.split
        places = (self.root / kind / each / item.file(kind) for each in ((split,) if split else UNSPLIT))
        staged = self.root / STAGING / kind / (split or "") / item.file(kind)
        return next((path for path in places if path.is_file()), staged)

    def settle(self, item: Item, split: str) -> None:
        """Move the files of a picture to where they belong."""
        for kind in KINDS:
            path, target = self.current(kind, item), self.root / kind / split / item.file(kind)
            if path != target:
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)

    def require_own(self, items: Sequence[Item]) -> None:
        """Raise ValueError if there are images or masks that are not of these items: they are of another source."""
        own = {(kind, same_form(item.file(kind))) for item in items for kind in KINDS}
        strange = [path for kind, path in self._there() if (kind, same_form(path.name)) not in own]
        if strange:
            raise ValueError(
                f"{self.root} holds {len(strange)} files not of this source: {shortened(strange)}; remove them, "
                "or give an empty data.root="
            )

    def _there(self) -> Iterator[tuple[str, Path]]:
        for kind in KINDS:
            for path in sorted((self.root / kind).glob("*/*")):
                if is_image(path.name):
                    yield kind, path
