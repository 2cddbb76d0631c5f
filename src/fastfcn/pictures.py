"""Label maps as pictures."""

import io
import logging
import textwrap
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.palette import Colour, png_palette
from fastfcn.files import write_atomically
from fastfcn.fonts import font_for, spelled

log = logging.getLogger(__name__)

SWATCH = 20  # pixels
GAP = 6
CAPTION = 22
LOW = 240
TEXT = 14
ROWS = 256  # blended together
LONGEST = 40  # characters of a name


def index_png(labels: UInt8, palette: tuple[Colour, ...]) -> Image.Image:
    """Make an 8-bit picture of class indices (H, W) that shows in the palette's colours."""
    image = Image.fromarray(labels).convert("L")
    image.putpalette(png_palette(palette))
    return image


def colourise(labels: UInt8, palette: tuple[Colour, ...]) -> UInt8:
    """Turn class indices (H, W) into RGB (H, W, 3); ignored pixels are white."""
    table = np.array(png_palette(palette), np.uint8).reshape(256, 3)
    return table[labels]


def overlay(image: UInt8, labels: UInt8, palette: tuple[Colour, ...], *, opacity: float = 0.6) -> UInt8:
    """Lay the coloured `labels` (H, W) over `image` (H, W, 3)."""
    blended = np.empty_like(image)
    for first in range(0, len(image), ROWS):  # in floats, of which there would be six a pixel
        rows = slice(first, first + ROWS)
        blended[rows] = ((1 - opacity) * image[rows] + opacity * colourise(labels[rows], palette)).round()
    return blended


def legend(classes: tuple[str, ...], palette: tuple[Colour, ...]) -> Image.Image:
    """Draw every class name beside its colour; where no font has a name's characters, its index and code points."""
    names = [_shorten(unicodedata.normalize("NFC", name)) for name in classes]
    fonts = [font_for(name, TEXT) for name in names]
    unknown = [name for name, font in zip(names, fonts, strict=True) if font is None]
    if unknown:
        log.warning(
            "legend.png spells %d class names (%s) as code points: no font here has all their characters; install one "
            "that has (Debian: fonts-noto-cjk for Chinese, Japanese, Korean; fonts-noto for others)",
            len(unknown),
            ", ".join(unknown[:3]),
        )
    plain = ImageFont.load_default(TEXT)
    lines = [
        (name, font) if font is not None else (_shorten(f"{index}: {spelled(name)}"), plain)
        for index, (name, font) in enumerate(zip(names, fonts, strict=True))
    ]
    width = SWATCH + 3 * GAP + max(int(font.getlength(text)) for text, font in lines)
    picture = Image.new("RGB", (width, GAP + len(lines) * (SWATCH + GAP)), "white")
    draw = ImageDraw.Draw(picture)
    for row, ((text, font), colour) in enumerate(zip(lines, palette, strict=True)):
        top = GAP + row * (SWATCH + GAP)
        draw.rectangle((GAP, top, GAP + SWATCH, top + SWATCH), fill=colour, outline="black")
        draw.text((2 * GAP + SWATCH, top + SWATCH // 2), text, fill="black", font=font, anchor="lm")
    return picture


def _shorten(name: str) -> str:
    """Cut a name to LONGEST characters, between words where there are several."""
    shortened = textwrap.shorten(name, LONGEST)
    return name[: LONGEST - 3] + "..." if shortened == "[...]" else shortened


def comparison(image: UInt8, truth: UInt8, prediction: UInt8, palette: tuple[Colour, ...]) -> Image.Image:
    """Put image, truth and prediction side by side under their names; what the truth ignores is white in both.

    Pictures lower than LOW pixels are enlarged by a whole factor.
    """
    shown = np.where(truth == IGNORE, truth, prediction)
    panels = {"image": image, "truth": colourise(truth, palette), "prediction": colourise(shown, palette)}
    factor = max(LOW // image.shape[0], 1)
    height, width = factor * image.shape[0], factor * image.shape[1]
    sheet = Image.new("RGB", (3 * width + 2 * GAP, height + CAPTION), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (name, panel) in enumerate(panels.items()):
        left = column * (width + GAP)
        draw.text((left + width // 2, CAPTION // 2), name, fill="black", font=ImageFont.load_default(14), anchor="mm")
        sheet.paste(Image.fromarray(panel).resize((width, height), Image.Resampling.NEAREST), (left, CAPTION))
    return sheet


def save_picture(picture: Image.Image, path: Path) -> None:
    """Save a picture whole or not at all."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG" if path.suffix == ".jpg" else "PNG")
    write_atomically(path, buffer.getvalue())
