"""Prediction of videos and cameras: a film of overlays, and what else is wanted for every frame."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice

from fastfcn.data.dataset import UInt8
from fastfcn.pictures import overlay
from fastfcn.prediction.maps import Predicted
from fastfcn.prediction.outputs import Outputs
from fastfcn.prediction.sources import Source
from fastfcn.prediction.video import Film, FilmWriter, Frame, opened
from fastfcn.prediction.writing import Writers


def predict_film(
    source: Source,
    predict: Callable[[UInt8], Predicted],
    outputs: Outputs,
    *,
    frames: int | None,
    threads: int,
    each: Callable[[Predicted], None],
) -> int:
    """Predict up to `frames` frames and return their number; `each` is called with every prediction.

    Raises ValueError if it cannot be read to its end; no film is left then.
    """
    pictures = replace(outputs, kinds=[kind for kind in outputs.kinds if kind != "overlays"])
    count = 0
    with ExitStack() as stack:
        film = stack.enter_context(opened(source))
        writer = None
        if "overlays" in outputs.kinds:
            writer = stack.enter_context(FilmWriter(outputs.film(source.name), film.rate))
        threaded = stack.enter_context(Writers(threads))
        for count, frame in enumerate(islice(film.frames, frames), 1):
            predicted = predict(frame.image)
            each(predicted)
            name = outputs.frame(source.name, count - 1)
            threaded.put(partial(pictures.save, name, frame.image, predicted))
            if writer is not None:
                blended = overlay(frame.image, predicted.labels, outputs.palette, opacity=outputs.opacity)
                writer.add(Frame(blended, frame.time, frame.unit))
        _require_whole(source, film, count, frames)
    return count


def _require_whole(source: Source, film: Film, count: int, frames: int | None) -> None:
    expected = film.count if frames is None else min(film.count, frames)
    if count < max(expected, 1):
        raise ValueError(f"{source} cannot be read as a video after frame {count} of {film.count or 'none'}")
