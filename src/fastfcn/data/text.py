"""Text files and names that others wrote."""

import codecs
import unicodedata
from pathlib import Path

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MAX_NAME = 200  # bytes; file systems take 255, and ours get a suffix


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file, or of UTF-16 with a byte order mark, as Windows writes both; ends are stripped.

    Raises ValueError naming the file if it is neither.
    """
    return [
        line.strip() for line in decode(path.read_bytes(), path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]


def decode(content: bytes, path: Path) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark. Raises ValueError naming the file if it is neither."""
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}, in line {line}); save it as UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{path} is not UTF-8 text (it holds zero bytes); save it as UTF-8")
    return text


def same_form(name: str) -> str:
    """Return a name in the one Unicode form in which names are compared; macOS takes letters and accents apart."""
    return unicodedata.normalize("NFC", name)


def require_plain_name(name: str, source: Path) -> str:
    """Return a file's name that `source` gives, unless it could be a path. Raises ValueError naming `source`."""
    if not name or name.startswith(".") or not name.isprintable() or any(sign in name for sign in "/\\:"):
        raise ValueError(f"{source} names {name[:80]!r}, which is no plain file name; it is refused")
    if len(name.encode()) > MAX_NAME:
        raise ValueError(f"{source} names {name[:80]!r}..., which is longer than {MAX_NAME} bytes; it is refused")
    return name
