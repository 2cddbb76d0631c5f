"""One process's share of a prediction: its network, and what becomes of each image."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from fastfcn.data.bands import Bands
from fastfcn.data.dataset import Pixels
from fastfcn.data.georeference import read_georeference
from fastfcn.data.windowed import Windowed
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.evaluation.submission import Submission
from fastfcn.prediction.calibration import temperature_of
from fastfcn.prediction.config import PredictionConfig
from fastfcn.prediction.engine import Engine
from fastfcn.prediction.failures import noted
from fastfcn.prediction.films import predict_film
from fastfcn.prediction.journal import Journal
from fastfcn.prediction.large import VALUES, is_read_by_windows, predict_large
from fastfcn.prediction.maps import UNKNOWN, Predicted, Unknown
from fastfcn.prediction.outputs import Outputs
from fastfcn.prediction.predictor import Predictor, open_predictor, segment
from fastfcn.prediction.prefetch import load
from fastfcn.prediction.processes import device_of
from fastfcn.prediction.sources import Source
from fastfcn.prediction.writing import Writers


@dataclass
class Session:
    """What the images that one process predicts have in common; `identity` is what a folder's predictions share."""

    settings: PredictionConfig
    predictor: Predictor
    outputs: Outputs
    upright: bool
    bands: Bands
    identity: dict[str, Any]
    journal: Journal = field(init=False)
    submission: Submission = field(default_factory=Submission)
    failures: dict[Source, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: PredictionConfig, engine: Engine, *, rank: int = 0) -> "Session":
        """Build the network, on the device of the process of that rank."""
        protocol = build_protocol(settings.protocol, engine.sizes)
        bands = Bands.described(engine.data)
        kept = settings.checkpoint or ""
        temperature = temperature_of(settings.temperature, kept, engine.checkpoint, protocol.name)
        predictor = open_predictor(
            engine.source,
            protocol,
            device=device_of(settings.device, rank, settings.devices),
            temperature=temperature,
            unknown=Unknown(settings.unknown, settings.threshold),
            precision=settings.precision,
            optimize=settings.optimize,
            channels=bands.channels,
        )
        upright = settings.submission is None and bool(engine.data.get("upright", True))
        outputs = Outputs(
            Path(settings.output), settings.write, settings.probabilities, engine.palette, settings.opacity
        )
        common = {
            **engine.identity, "protocol": {**settings.protocol, **vars(protocol)}, "opacity": settings.opacity,
            "temperature": temperature, "threshold": settings.threshold, "unknown": settings.unknown,
            "precision": settings.precision, "frames": settings.frames, "upright": upright,
        }  # fmt: skip
        return cls(settings, predictor, outputs, upright, bands, common)

    def predict(self, sources: Sequence[Source], *, shown: bool) -> dict[Source, str]:
        """Predict images, then those too large to be read at once, then videos; return why some could not be."""
        large = {source: opened for source in sources if (opened := self._opened(source)) is not None}
        images = [source for source in sources if not (source.moving or source in large)]
        with Writers(self.settings.workers) as writers:
            loaded = load(images, self._read, workers=self.settings.workers)
            for source, image in track(loaded, "predicting", len(images), disable=not shown or not images):
                with noted(source, self.failures):
                    self._predict_image(source, image, writers)
        for source, opened in track(large.items(), "large images", disable=not shown or not large):
            with noted(source, self.failures):
                self._predict_large(source, opened)
        for source in sources:
            if source.moving:
                with noted(source, self.failures):
                    self._predict_film(source)
        return self.failures

    def _opened(self, source: Source) -> Windowed | None:
        with suppress(ValueError, OSError):  # of what cannot be read, which is told when it is to be predicted
            image = None if source.moving else self.bands.windowed(source.path)
            return image if image is not None and is_read_by_windows(image, self.predictor.protocol) else None
        return None

    def _read(self, source: Source) -> Pixels:
        return self.bands.read(source.path, upright=self.upright)

    def _predict_large(self, source: Source, image: Windowed) -> None:
        pixels = predict_large(image, source.name, self.predictor, self.outputs, self.bands)
        self.journal.add(source, self._named(pixels), raster=True)

    def _predict_image(self, source: Source, image: Pixels | Exception, writers: Writers) -> None:
        if isinstance(image, Exception):
            raise image
        predicted = self._predict(image)
        self.submission.add(source.name, predicted.labels)
        writers.put(partial(self._save, source, image, predicted))

    def _predict(self, image: Pixels) -> Predicted:
        if self.settings.threshold is not None or self.outputs.need_probabilities:
            return self.predictor(image)
        with self.predictor.autocast():
            return Predicted(segment(self.predictor.network, self.predictor.protocol, image))

    def _save(self, source: Source, image: Pixels, predicted: Predicted) -> None:
        with noted(source, self.failures):
            georeference = read_georeference(source.path)
            self.outputs.save(source.name, self.bands.visible(image), predicted, georeference)
            self.journal.add(source, self._pixels(predicted), raster=georeference is not None)

    def _predict_film(self, source: Source) -> None:
        total = np.zeros(1, np.int64)

        def count(predicted: Predicted) -> None:
            nonlocal total
            total = total + self._pixels(predicted)

        threads, frames = self.settings.workers, self.settings.frames
        frames = predict_film(source, self._predict, self.outputs, frames=frames, threads=threads, each=count)
        self.journal.add(source, total, frames)

    def _pixels(self, predicted: Predicted) -> np.ndarray:
        """Count the pixels of every class, and then those of none."""
        return self._named(np.bincount(predicted.labels.ravel(), minlength=VALUES))

    def _named(self, counts: np.ndarray) -> np.ndarray:
        named = counts[: len(self.outputs.palette)]
        return named if self.settings.threshold is None else np.append(named, counts[UNKNOWN])
