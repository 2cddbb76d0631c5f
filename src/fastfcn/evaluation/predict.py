"""Segment images that have no truth."""

import errno
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from omegaconf import DictConfig
from rich.progress import track

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import Checkpoint, network_of, read_checkpoint
from fastfcn.composition import plain, typed
from fastfcn.data.dataset import UInt8
from fastfcn.data.images import read_image
from fastfcn.evaluation.inputs import describe_unread, find_images, require_apart
from fastfcn.evaluation.run import build_protocol
from fastfcn.evaluation.submission import Submission, open_submission
from fastfcn.memory import explain, is_out_of_memory
from fastfcn.models.inference import COMPILE_AFTER, FastSegmenter, Network
from fastfcn.models.normalisation import RGB
from fastfcn.numerics import set_numerics
from fastfcn.options import AtLeastOne, Fraction, Name, Workers
from fastfcn.prediction.areas import write_areas
from fastfcn.prediction.calibration import Temperature, temperature_of
from fastfcn.prediction.films import predict_film
from fastfcn.prediction.journal import Journal, digest, discard
from fastfcn.prediction.loading import load
from fastfcn.prediction.maps import UNKNOWN, Measure, Predicted, Unknown
from fastfcn.prediction.outputs import Kinds, Outputs
from fastfcn.prediction.predictor import Device, Precision, Predictor, segment
from fastfcn.prediction.processes import device_of, in_processes
from fastfcn.prediction.sources import Source, printable
from fastfcn.prediction.writing import Writers
from fastfcn.reporting.pictures import legend, save_picture
from fastfcn.training.lock import alone_in

WHITE = (255, 255, 255)  # of pixels that are given no class
VALUES = 256  # of a mask
OF_THE_IMAGE = (errno.ENOENT, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)  # gone meanwhile, or of a name too long


@dataclass(frozen=True)
class PredictionConfig:
    """The root of conf/predict.yaml, resolved."""

    checkpoint: Name
    images: Name | list[Name]
    output: Name
    protocol: dict[str, Any]
    numerics: dict[str, Any]
    write: Kinds
    probabilities: Literal["npz", "png"]
    opacity: Fraction
    temperature: Temperature | Literal["calibrated"]
    threshold: Fraction | None
    unknown: Measure
    frames: AtLeastOne | None
    overwrite: bool
    device: Device
    devices: AtLeastOne
    precision: Precision
    workers: Workers
    optimize: bool
    submission: Literal["ade20k"] | None


def predict(config: DictConfig) -> None:
    """Write what is asked for of every image, under its own name, and one legend."""
    keep_freed_memory()
    settings = typed(PredictionConfig, plain(config))
    set_numerics(settings.numerics)
    output = Path(settings.output)
    sources = find_images(settings.images)
    _require_places(settings, sources)
    for line in describe_unread(settings.images):
        print(f"warning: {line}")
    checkpoint = read_checkpoint(settings.checkpoint)
    session = Session.begin(settings, checkpoint)
    with alone_in(output, what="prediction", option="output="):
        if settings.overwrite:
            discard(output, session.outputs)
        session.journal = Journal.open(output, session.identity)
        classes, palette = checkpoint.description.classes, checkpoint.description.palette
        unknown = settings.threshold is not None
        shown = (*classes, "unknown") if unknown else classes
        save_picture(legend(shown, (*palette, WHITE) if unknown else palette), output / "legend.png")
        known = settings.submission is None
        todo = [source for source in sources if not (known and session.journal.holds(source, session.outputs))]
        with open_submission(settings.submission, output, len(classes)) as session.submission:
            failures = _predict_all(session, todo)
            if "areas" in settings.write:
                write_areas(output, Journal.open(output, session.identity).entries.values(), shown)
            _require_none(failures, len(sources), settings)
    before = len(sources) - len(todo)
    print(f"{len(sources)} predictions in {output}: {session.outputs}" + (f"; {before} were there" if before else ""))


def _require_places(settings: PredictionConfig, sources: Sequence[Source]) -> None:
    """Raise ValueError if what is read and what is written would mix, or what is asked for cannot go together."""
    output = Path(settings.output)
    if isinstance(settings.images, str) and Path(settings.images).is_dir():
        require_apart(Path(settings.images), output)
    for source in sources:
        if source.camera is None:
            require_apart(source.path, output)
    if settings.submission is not None and (settings.devices > 1 or any(source.moving for source in sources)):
        raise ValueError(f"submission={settings.submission} takes images, and devices=1")


def _predict_all(session: "Session", todo: Sequence[Source]) -> dict[Source, str]:
    devices = min(session.settings.devices, max(len(todo), 1))
    if devices == 1:
        return session.predict(todo, shown=True)
    session.predictor.network.cpu()  # each process builds its own
    shares = in_processes(partial(_predict_share, session.settings, todo, devices), devices)
    found = {source: reason for share in shares for source, reason in share.items()}
    return {source: found[source] for source in todo if source in found}


def _predict_share(settings: PredictionConfig, todo: Sequence[Source], devices: int, rank: int) -> dict[Source, str]:
    """Predict every `devices`th image, in a process of its own."""
    keep_freed_memory()
    set_numerics(settings.numerics)
    session = Session.begin(settings, read_checkpoint(settings.checkpoint), rank=rank)
    session.journal = Journal.append_to(Path(settings.output), session.identity)
    return session.predict(todo[rank::devices], shown=rank == 0)


@dataclass
class Session:
    """What the images that one process predicts have in common; `identity` is what a folder's predictions share."""

    settings: PredictionConfig
    predictor: Predictor
    outputs: Outputs
    upright: bool
    identity: dict[str, Any]
    journal: Journal = field(init=False)
    submission: Submission = field(default_factory=Submission)
    failures: dict[Source, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: PredictionConfig, checkpoint: Checkpoint, *, rank: int = 0) -> "Session":
        """Build the network, on the device of the process of that rank."""
        description = checkpoint.description
        protocol = build_protocol(settings.protocol, description.augmentation)
        trained = network_of(checkpoint).to(device_of(settings.device, rank, settings.devices))
        trained.statistics.require(RGB, "those that are read from files")
        network: Network = FastSegmenter(trained, compile_after=COMPILE_AFTER) if settings.optimize else trained
        identity = digest(settings.checkpoint)
        temperature = temperature_of(settings.temperature, settings.checkpoint, identity, protocol.name)
        upright = settings.submission is None and bool(description.data.get("upright", True))
        outputs = Outputs(
            Path(settings.output), settings.write, settings.probabilities, description.palette, settings.opacity
        )
        unknown = Unknown(settings.unknown, settings.threshold)
        predictor = Predictor(network, protocol, temperature, unknown, settings.precision)
        common = {
            "checkpoint": identity, "protocol": {**settings.protocol, **vars(protocol)}, "opacity": settings.opacity,
            "temperature": temperature, "threshold": settings.threshold, "unknown": settings.unknown,
            "precision": settings.precision, "frames": settings.frames, "upright": upright,
        }  # fmt: skip
        return cls(settings, predictor, outputs, upright, common)

    def predict(self, sources: Sequence[Source], *, shown: bool) -> dict[Source, str]:
        """Predict images, then videos; return why some could not be."""
        images = [source for source in sources if not source.moving]
        with Writers(self.settings.workers) as writers:
            loaded = load(images, self._read, workers=self.settings.workers)
            for source, image in track(loaded, "predicting", len(images), disable=not shown or not images):
                with _failing(source, self.failures):
                    self._predict_image(source, image, writers)
        for source in sources:
            if source.moving:
                with _failing(source, self.failures):
                    self._predict_film(source)
        return self.failures

    def _read(self, source: Source) -> UInt8:
        return read_image(source.path, upright=self.upright)

    def _predict_image(self, source: Source, image: UInt8 | Exception, writers: Writers) -> None:
        if isinstance(image, Exception):
            raise image
        predicted = self._predict(image)
        self.submission.add(source.name, predicted.labels)
        writers.put(partial(self._save, source, image, predicted))

    def _predict(self, image: UInt8) -> Predicted:
        if self.settings.threshold is not None or self.outputs.need_probabilities:
            return self.predictor(image)
        with self.predictor.autocast():
            return Predicted(segment(self.predictor.network, self.predictor.protocol, image))

    def _save(self, source: Source, image: UInt8, predicted: Predicted) -> None:
        with _failing(source, self.failures):
            self.outputs.save(source.name, image, predicted)
            self.journal.add(source, self._pixels(predicted))

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
        counts = np.bincount(predicted.labels.ravel(), minlength=VALUES)
        named = counts[: len(self.outputs.palette)]
        return named if self.settings.threshold is None else np.append(named, counts[UNKNOWN])


@contextmanager
def _failing(source: Source, failures: dict[Source, str]) -> Iterator[None]:
    """Note why one image cannot be predicted: damaged, too large, gone. What is no fault of the image's is raised."""
    try:
        yield
    except Exception as error:
        failures[source] = _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if is_out_of_memory(error):
        return explain(error, "predict")
    if isinstance(error, OSError) and error.errno in OF_THE_IMAGE:
        return str(error.strerror)
    raise error


def _require_none(failures: Mapping[Source, str], images: int, settings: PredictionConfig) -> None:
    """Print why images failed, and raise ValueError with their number."""
    if not failures:
        return
    for source, reason in failures.items():
        print(f"{source}: {printable(reason).removeprefix(f'{source} ')}", file=sys.stderr)
    rest = f"; the other predictions are in {settings.output}" if len(failures) < images else ""
    without = "" if settings.submission is None else ", and no submission.zip"
    raise ValueError(f"{len(failures)} of {images} images could not be predicted (named above){rest}{without}")
