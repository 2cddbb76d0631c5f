"""One picture of a source made into an image and a mask of the layout."""

import hashlib
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fastfcn.data.converting.bitmaps import decode_base64
from fastfcn.data.converting.contents import Legend, Picture
from fastfcn.data.converting.json_files import embedded_image
from fastfcn.data.dataset import UInt8
from fastfcn.data.images import SAME_SIZE, UNDO, UPRIGHT, orientation, read_image, read_indices
from fastfcn.data.labelled import count_pixels
from fastfcn.data.palette import png_palette
from fastfcn.disk import explained
from fastfcn.files import write_atomically

MADE_OF = "made of"  # the key of a PNG's text that tells what a mask was made of
INVERSE = {6: 8, 8: 6}  # EXIF orientations that undo each other; the others undo themselves
VERSION = 1  # of the way of making; another one makes all masks again


@dataclass(frozen=True)
class Job:
    """A picture and the files to make of it. With `upright` its labels are of the image as EXIF says to turn it."""

    picture: Picture
    legend: Legend
    image: Path
    mask: Path
    upright: bool


@dataclass
class Made:
    """Faults; the shapes that cover nothing; pixels by class; whether sizes do not tell if EXIF turned the labels."""

    faults: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    pixels: NDArray[np.int64] | None = None
    turned: bool = False


def make(job: Job) -> Made:
    """Make what is not there yet, each file whole or not at all."""
    made = Made()
    try:
        _bring_image(job)
        digest = _digest(job)
        image = read_image(job.image)
        turn = orientation(job.image)
        made.turned = turn in SAME_SIZE or (turn != UPRIGHT and image.shape[0] == image.shape[1])
        if _made_of(job.mask) != digest:
            _write(job, _mask(job, image.shape[:2], turn, made), digest)
        made.pixels = count_pixels(read_indices(job.mask))
    except ValueError as error:
        made.faults.append(str(error))
    return made


def _bring_image(job: Job) -> None:
    """Copy the image, unless a file of its size and time is there."""
    state = job.picture.image.stat()
    there = job.image.stat() if job.image.is_file() else None
    if there and there.st_mtime_ns == state.st_mtime_ns and (job.picture.embedded or there.st_size == state.st_size):
        return
    job.image.parent.mkdir(parents=True, exist_ok=True)
    if job.picture.embedded:
        write_atomically(job.image, decode_base64(embedded_image(job.picture.image), job.picture.source))
    else:
        temporary = job.image.with_name(f".{job.image.name}.{os.getpid()}")
        try:
            with explained(job.image):
                shutil.copyfile(job.picture.image, temporary)
            temporary.replace(job.image)
        finally:
            temporary.unlink(missing_ok=True)
    os.utime(job.image, ns=(state.st_mtime_ns, state.st_mtime_ns))


def _mask(job: Job, upright: tuple[int, ...], turn: int, made: Made) -> UInt8:
    """Make the mask for the image as it is seen; one that was drawn on the stored pixels is turned with them."""
    stored = upright[::-1] if turn > max(SAME_SIZE) else upright
    annotation = job.picture.annotation
    size = annotation.size() or (upright if job.upright else stored)
    if size not in (tuple(upright), tuple(stored)):
        raise ValueError(
            f"{job.picture.source} is {upright[1]}x{upright[0]}, its labels in {annotation.where()} are of "
            f"{size[1]}x{size[0]}: they belong to another image, or it was resized since"
        )
    mask = annotation.mask(size[0], size[1], job.legend, made.empty)
    if turn == UPRIGHT or (size == tuple(upright) and (size != tuple(stored) or job.upright)):
        return mask
    return np.array(Image.fromarray(mask).transpose(UNDO[INVERSE.get(turn, turn)]))


def _digest(job: Job) -> str:
    state = job.image.stat()
    content = (
        VERSION, job.picture.annotation.version(), sorted(job.legend.values.items()), job.legend.unlabelled,
        job.legend.palette, job.upright, state.st_size, state.st_mtime_ns,
    )  # fmt: skip
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _made_of(path: Path) -> str | None:
    """Return what a mask says that it was made of; None if it is not there, or says nothing."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return str(picture.info.get(MADE_OF))
    except (OSError, ValueError, SyntaxError):
        return None


def _write(job: Job, mask: UInt8, digest: str) -> None:
    picture, text, buffer = Image.fromarray(mask), PngInfo(), io.BytesIO()
    picture.putpalette(png_palette(job.legend.palette))
    text.add_text(MADE_OF, digest)
    picture.save(buffer, format="PNG", pnginfo=text)
    write_atomically(job.mask, buffer.getvalue())
