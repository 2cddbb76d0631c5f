"""A font for any name: Pillow's own knows ASCII, others come from the system and from matplotlib.

That is imported where a name needs it: half a second of a prediction's start.
"""

import unicodedata
from functools import cache
from pathlib import Path

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

UNSEEN = ("Cc", "Cf", "Zs", "Mn")  # categories that need no glyph of their own: controls, joiners, spaces, marks

Font = FreeTypeFont | ImageFont.ImageFont


def font_for(text: str, size: int) -> Font | None:
    """Return Pillow's font for ASCII, for other text the first font that has all its characters, or None."""
    if text.isascii():
        return ImageFont.load_default(size)
    wanted = {ord(sign) for sign in text if unicodedata.category(sign) not in UNSEEN}
    for path in _font_files():
        if wanted <= _characters(path):
            try:
                return ImageFont.truetype(path, size)
            except OSError:  # of one size only, as pictures of emoji are
                continue
    return None


def spelled(text: str) -> str:
    """Write characters beyond ASCII as their code points: U+8DEF."""
    return "".join(sign if sign.isascii() else f" U+{ord(sign):04X} " for sign in text).strip().replace("  ", " ")


@cache
def _font_files() -> tuple[str, ...]:
    from matplotlib.font_manager import findSystemFonts

    return (*_own_font(), *sorted(findSystemFonts(), key=_regular_first))


def _own_font() -> tuple[str, ...]:
    import matplotlib

    return (str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),)


def _regular_first(path: str) -> tuple[bool, str]:
    return "regular" not in Path(path).name.lower(), path


@cache
def _characters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # no outlines, or damaged
        return frozenset()
