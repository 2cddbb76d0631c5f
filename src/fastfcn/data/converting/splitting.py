"""Splits by chance from a seed: groups whole, and every class in all parts where it can be."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.converting.layout import TEST, TRAIN, VAL, Item
from fastfcn.data.dataset import IGNORE
from fastfcn.options import Name, Seed, Share

VAL_SHARE = 0.2  # where the source has no val and nothing is said

ROUNDING = 1e-9  # of shares: a part that lacks less is full

Matrix = NDArray[np.int64]


@dataclass(frozen=True)
class Splitting:
    """How images come into splits that the source has not: shares of those that it has not put into val or test."""

    val: Share | None
    test: Share | None
    group: Name | None
    seed: Seed
    resplit: bool


def split(splitting: Splitting, images: Mapping[Item, NDArray[np.int64]]) -> list[str]:
    """Name the split of every image, whose pixels of each class tell how rare it is.

    Raises ValueError if a split is to be made that the source has.
    """
    given = [item.picture.split for item in images]
    shares = {VAL: splitting.val, TEST: splitting.test}
    for name, share in shares.items():
        if share is not None and name in given:
            raise ValueError(f"{name}={share}, but the source has a {name} split; leave it out, or give resplit=true")
    if splitting.val is None and VAL not in given:
        shares[VAL] = VAL_SHARE
    wanted = {name: share for name, share in shares.items() if share}
    free = [number for number, name in enumerate(given) if name in (None, TRAIN)]
    if sum(wanted.values()) >= 1:
        raise ValueError(f"val and test take {sum(wanted.values()):g} of all images; nothing is left to train with")
    names = [name or TRAIN for name in given]
    items = list(images)
    groups = groups_of([items[number].picture.name for number in free], splitting.group)
    if splitting.val is None and len(set(groups)) <= len(wanted):
        wanted.pop(VAL, None)  # what nobody asked for
    if wanted and free:
        present = np.array([images[items[number]][:IGNORE] > 0 for number in free], np.int64)
        parts = divide(groups, present, [1 - sum(wanted.values()), *wanted.values()], seed=splitting.seed)
        for number, part in zip(free, parts, strict=True):
            names[number] = [TRAIN, *wanted][part]
    return names


def groups_of(names: Sequence[str], pattern: str | None) -> list[str]:
    """Return the group of each name: what the pattern's first parentheses match, or else the whole of it.

    Raises ValueError if the pattern is none, or does not match a name.
    """
    if pattern is None:
        return list(names)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"group={pattern} is no regular expression: {error}") from error
    found = []
    for name in names:
        match = compiled.search(name)
        if match is None:
            raise ValueError(f"group={pattern} does not match {name}; every image has to be of a group")
        found.append(match[1] if compiled.groups else match[0])
    return found


def divide(groups: Sequence[str], present: Matrix, shares: Sequence[float], *, seed: int) -> list[int]:
    """Give each image (N) a part, so that parts have about these shares of all images and of those with each class.

    `present` (N, C) tells which classes an image shows. The rarest class comes first: each group that shows it goes to
    the part, of those that are not full, that lacks most of it (iterative stratification, Sechidis et al., ECML 2011).
    No group is torn apart and no part is left empty. Raises ValueError if there are fewer groups than parts.
    """
    units, unit = np.unique(groups, return_inverse=True)
    if len(units) < len(shares):
        raise ValueError(
            f"{len(units)} groups of images cannot be in {len(shares)} parts; give another group=, or fewer parts"
        )
    sizes = np.bincount(unit, minlength=len(units))
    held = np.zeros((len(units), present.shape[1] + 1), np.int64)
    np.add.at(held, unit, np.column_stack([present, np.ones(len(groups), np.int64)]))
    wanted = np.outer(shares, held.sum(axis=0)).astype(float)
    order = np.random.default_rng(seed).permutation(len(units))
    parts = np.full(len(units), -1)
    while (open_ := order[parts[order] < 0]).size:
        left = held[open_].sum(axis=0)
        rarest = min(np.flatnonzero(left), key=lambda index: (left[index], -index))
        showing = open_[held[open_, rarest] > 0]
        for each in showing[np.argsort(-sizes[showing], kind="stable")]:
            part = int(np.lexsort((wanted[:, -1], wanted[:, rarest], wanted[:, -1] > ROUNDING))[-1])
            parts[each] = part
            wanted[part] -= held[each]
    for empty in set(range(len(shares))) - set(parts.tolist()):
        fullest = np.flatnonzero(parts == np.bincount(parts).argmax())
        parts[fullest[sizes[fullest].argmin()]] = empty
    return [int(part) for part in parts[unit]]
