"""Command lines of folders and KEY=VALUE, for scripts that compose no configuration; importing this costs nothing."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fastfcn.nearest import did_you_mean

FULL_ERROR = "HYDRA_FULL_ERROR"  # 1 asks for a traceback


def tell_apart(
    words: Sequence[str], defaults: Mapping[str, str | None], command: str
) -> tuple[tuple[Path, ...], dict[str, str | None]]:
    """Return the folders among `words` and the options: those given, and the `defaults` of the others.

    Raises ValueError for an option that `command` does not have.
    """
    found = [re.fullmatch(r"(?:--?)?(\w+)=(.*)|(--?.*)", word, re.DOTALL) for word in words]
    options: dict[str, str | None] = dict(defaults)
    for match, word in zip(found, words, strict=True):
        if match is None:
            continue
        if match[1] not in defaults or word.startswith("-"):
            name = (match[1] or match[3]).lstrip("-")
            known = ", ".join(f"{key}=" for key in defaults)
            raise ValueError(f"{command} has no option {word}; {did_you_mean(name, defaults)}it has {known}")
        options[match[1]] = match[2]
    return tuple(Path(word) for word, match in zip(words, found, strict=True) if match is None), options


@contextlib.contextmanager
def one_line_of_mistakes() -> Iterator[None]:
    """End the program as the other scripts do: with one line and exit code 1 for a mistake, and 130 on Ctrl-C."""
    try:
        yield
    except (ValueError, OSError) as error:
        if os.environ.get(FULL_ERROR) == "1":
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
