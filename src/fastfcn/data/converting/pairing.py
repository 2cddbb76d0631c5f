"""Which mask, or file of labels, belongs to which image: by a pattern, or by names that differ in a word alone."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastfcn.data.converting.tree import Tree
from fastfcn.data.listing import shortened
from fastfcn.data.text import same_form

IMAGE_WORDS = {
    "image", "images", "img", "imgs", "jpegimages", "leftimg8bit", "photo", "photos", "picture", "pictures", "input",
    "inputs", "rgb",
}  # fmt: skip
LABEL_WORDS = {
    "mask", "masks", "label", "labels", "labeled", "labelled", "annotation", "annotations", "annot", "annots", "gt",
    "gtfine", "seg", "segmentation", "segmentations", "segmentationclass", "groundtruth", "target", "targets", "color",
    "labelids", "labeltrainids", "instanceids",
}  # fmt: skip
ATTACHED = re.compile(r"(?<=[a-z0-9])(annots?|masks?|labels?|_gt)$")  # as in trainannot
WILDCARD = re.compile(r"(\*\*/?|\*|\?)")
NEITHER = re.compile(r"SegmentationObject|Visuali[sz]ation", re.IGNORECASE)
PREFERRED = ("labeltrainids", "labelids", "color", "instanceids")  # of the masks that Cityscapes has for an image

Key = tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """The masks, or files of labels, of every image, and those of no image."""

    masks: dict[Path, list[Path]]
    spare: list[Path]


def key_of(name: str, *, loose: bool) -> Key:
    """Return what the names of an image and of its labels share: their path without the folders' words and suffix.

    With `loose` without those of the file's name, too, as in 1_image.png and 1_mask.png.
    """
    *folders, last = name.split("/")
    stem = last.rpartition(".")[0] or last
    kept = [_without_words(part) for part in folders]
    return (*filter(None, kept), _without_words(stem) if loose else same_form(stem))


def is_labels(name: str) -> bool:
    """Tell whether a file is a mask, by the deepest folder with a word for it or for images, or else its own name."""
    *folders, last = name.split("/")
    for part in (*reversed(folders), last.rpartition(".")[0]):
        words = {word.lower() for word in _words(part)}
        if words & LABEL_WORDS or any(map(ATTACHED.search, words)):
            return True
        if words & IMAGE_WORDS:
            return False
    return False


def is_neither(name: str) -> bool:
    """Tell whether a folder is of instances or of pictures of masks, as VOC and LabelMe have them."""
    return any(NEITHER.search(folder) for folder in name.split("/")[:-1])


def by_name(tree: Tree, images: Iterable[Path], labels: Sequence[Path]) -> Pairs:
    """Give every image the labels of the same name, or else of one that differs in such a word."""
    exact, loose = (_grouped(tree, labels, loose=each) for each in (False, True))
    found = {}
    for path in images:
        name = tree.name_of(path)
        found[path] = exact.get(key_of(name, loose=False)) or loose.get(key_of(name, loose=True), [])
    return _paired(found, labels)


def _paired(found: Mapping[Path, Sequence[Path]], labels: Iterable[Path]) -> Pairs:
    used = {path for paths in found.values() for path in paths}
    spare = [path for path in labels if path not in used]
    return Pairs({image: _preferred(paths) for image, paths in found.items()}, spare)


def _grouped(tree: Tree, paths: Iterable[Path], *, loose: bool) -> dict[Key, list[Path]]:
    found: dict[Key, list[Path]] = defaultdict(list)
    for path in paths:
        found[key_of(tree.name_of(path), loose=loose)].append(path)
    return found


def _preferred(paths: Sequence[Path]) -> list[Path]:
    """Return the masks of an image, of Cityscapes' several the one to take."""
    for word in PREFERRED:
        chosen = [path for path in paths if path.stem.lower().endswith(word)]
        if chosen:
            return chosen
    return list(paths)


def by_pattern(tree: Tree, images: str, masks: str) -> Pairs:
    """Pair the images that a pattern finds with the masks whose wildcards stand for the same text.

    * and ? stand for anything within a name, ** for any folders. Raises ValueError if the patterns cannot be compared.
    """
    if WILDCARD.findall(images) != WILDCARD.findall(masks):
        raise ValueError(
            f"images={images} and masks={masks} must hold the same wildcards, which stand for the same text"
        )
    found: dict[Key, list[Path]] = defaultdict(list)
    for captured, path in _captured(tree, masks):
        found[captured].append(path)
    pairs = {path: found.get(captured, []) for captured, path in _captured(tree, images)}
    if not pairs:
        there = shortened(list(map(tree.name_of, tree.images)))
        raise ValueError(f"images={images} finds no image in {tree.root}; there are {there or 'none'}")
    return _paired(pairs, [path for paths in found.values() for path in paths])


def _captured(tree: Tree, pattern: str) -> list[tuple[Key, Path]]:
    compiled = re.compile("".join(_regex(part) for part in WILDCARD.split(pattern)), re.IGNORECASE)
    matches = [(compiled.fullmatch(same_form(tree.name_of(path))), path) for path in tree.images]
    return [(tuple((each or "").rstrip("/") for each in match.groups()), path) for match, path in matches if match]


def _regex(part: str) -> str:
    return {"**/": "((?:.*/)?)", "**": "(.*)", "*": "([^/]*)", "?": "([^/])"}.get(part, re.escape(same_form(part)))


def _words(part: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", part) if word]


def _without_words(part: str) -> str:
    kept = [word for word in _words(part) if word.lower() not in IMAGE_WORDS | LABEL_WORDS]
    return "_".join(ATTACHED.sub("", same_form(word).lower()) for word in kept)
