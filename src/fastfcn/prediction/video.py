"""Frames of videos and cameras, and films of overlays, by PyAV and OpenCV."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fastfcn.data.dataset import UInt8
from fastfcn.disk import FULL, NoSpaceError
from fastfcn.optional import require
from fastfcn.prediction.sources import Source

CODECS = ("libx264", "libopenh264", "mpeg4")  # the first that PyAV was built with
MOST_PIXELS = 178_000_000  # as of images
USUAL_RATE = 25
MILLISECONDS = Fraction(1, 1000)


@dataclass
class Frame:
    """A picture (H, W, 3), upright, shown from `time` on, which counts in units of `unit` seconds."""

    image: UInt8
    time: int
    unit: Fraction


@dataclass
class Film:
    """What is read: frames a second on average, and how many frames the file says it has (0: it does not say)."""

    rate: Fraction
    count: int
    frames: Iterator[Frame]


def pyav() -> Any:
    """Import PyAV. Raises ValueError saying what to install."""
    return require("av", extra="video", what="reading and writing videos")


@contextmanager
def opened(source: Source) -> Iterator[Film]:
    """Open a video or a camera. Raises ValueError, here or at a frame, if it cannot be read."""
    if source.camera is not None:
        with _camera(source.camera) as film:
            yield film
        return
    av = pyav()
    try:
        container = av.open(str(source.path))
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{source} cannot be read as a video: {error.strerror}") from error
    with container:
        if not container.streams.video:
            raise ValueError(f"{source} cannot be read as a video: it holds no pictures")
        stream = container.streams.video[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise ValueError(f"{source} has frames of {stream.width}x{stream.height}; at most {MOST_PIXELS} pixels")
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.guessed_rate or Fraction(USUAL_RATE)
        yield Film(rate, stream.frames, _decoded(source, container, stream, rate))


def _decoded(source: Source, container: Any, stream: Any, rate: Fraction) -> Iterator[Frame]:
    """Decode; times begin at 0 and grow."""
    av, first, last, count = pyav(), None, -1, 0
    try:
        for count, frame in enumerate(container.decode(stream)):
            unit = frame.time_base or 1 / rate
            moment = round(count / rate / unit) if frame.pts is None else frame.pts
            first = moment if first is None else first
            last = max(moment - first, last + 1)
            image = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            yield Frame(np.ascontiguousarray(image), last, unit)
    except av.FFmpegError as error:
        raise ValueError(f"{source} cannot be read as a video after frame {count}: {error.strerror}") from error


@contextmanager
def _camera(number: int) -> Iterator[Film]:
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise ValueError(f"images=camera:{number}: no camera of that number can be opened here")
        rate = Fraction(camera.get(cv2.CAP_PROP_FPS) or USUAL_RATE).limit_denominator(1001)
        yield Film(rate, 0, _watched(camera))
    finally:
        camera.release()


def _watched(camera: Any) -> Iterator[Frame]:
    """Yield frames, at the times they come, until the camera ends or Ctrl-C."""
    started, last = time.monotonic(), -1
    try:
        while True:
            there, image = camera.read()
            if not there:
                return
            last = max(round(1000 * (time.monotonic() - started)), last + 1)
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), last, MILLISECONDS)
    except KeyboardInterrupt:
        return


class FilmWriter:
    """An .mp4 at `path` of frames of one size, which appears once it is whole; as a context, given up at an error."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        av = pyav()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._container = av.open(str(self._temporary), "w", format="mp4")
        codec = next(name for name in CODECS if name in av.codecs_available)
        self._stream = self._container.add_stream(codec, rate=rate)
        self._stream.pix_fmt = "yuv420p"
        self._begun = False

    def __enter__(self) -> "FilmWriter":
        """Begin."""
        return self

    def add(self, frame: Frame) -> None:
        """Add a frame; a row or column is repeated where a side is odd, which the codec does not take."""
        height, width = frame.image.shape[:2]
        image = np.pad(frame.image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if not self._begun:
            self._stream.width, self._stream.height = image.shape[1], image.shape[0]
            self._stream.codec_context.time_base = frame.unit
            self._begun = True
        picture = pyav().VideoFrame.from_ndarray(image, format="rgb24")
        picture.pts, picture.time_base = frame.time, frame.unit
        self._mux(picture)

    def _mux(self, picture: Any) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except pyav().FFmpegError as error:
            if error.errno in FULL:
                raise NoSpaceError(self.path) from error
            raise ValueError(f"{self.path} cannot be written: {error.strerror}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Put the film in its place, or leave none."""
        try:
            if kind is None and self._begun:
                self._mux(None)
            self._container.close()
            if kind is None and self._begun:
                self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
