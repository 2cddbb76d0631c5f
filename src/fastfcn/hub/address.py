"""hf-hub:OWNER/NAME[@REVISION]: where a checkpoint lies on the hub."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastfcn.options import holds

PREFIX = "hf-hub:"
PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
REPO = re.compile(rf"{PART}/{PART}")
REVISION = re.compile(rf"{PART}(?:/{PART})*")
LONGEST = 96  # characters of OWNER/NAME, and of a revision


def is_repo(text: str) -> bool:
    """Tell whether `text` is OWNER/NAME as the hub has it."""
    return _plain(text) and REPO.fullmatch(text) is not None and "--" not in text and not text.endswith(".git")


def is_revision(text: str) -> bool:
    """Tell whether `text` can be a branch, a tag or a commit."""
    return _plain(text) and REVISION.fullmatch(text) is not None


def _plain(text: str) -> bool:
    return len(text) <= LONGEST and ".." not in text


Repo = Annotated[str, holds("OWNER/NAME of letters, digits, _, - and .", is_repo)]
Revision = Annotated[str, holds("the name of a branch or tag, or a commit", is_revision)]


@dataclass(frozen=True)
class Address:
    """A repository and its revision."""

    repo: str
    revision: str = "main"

    def __str__(self) -> str:
        """Write it as `checkpoint=` takes it."""
        return f"{PREFIX}{self.repo}@{self.revision}"


def is_address(text: object) -> bool:
    """Tell whether a checkpoint is on the hub; a Path never is."""
    return isinstance(text, str) and text.startswith(PREFIX)


def parse_address(text: str) -> Address:
    """Read an address. Raises ValueError for what can be none."""
    repo, at, revision = text.removeprefix(PREFIX).partition("@")
    revision = revision if at else "main"
    if not is_repo(repo) or not is_revision(revision):
        raise ValueError(f"{text[:200]!r} is no {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION")
    return Address(repo, revision)
