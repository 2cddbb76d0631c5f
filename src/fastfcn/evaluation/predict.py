"""Segment images that have no truth."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from fastfcn.allocation import keep_freed_memory
from fastfcn.composition import plain, typed
from fastfcn.evaluation.inputs import describe_unread, find_images, require_apart
from fastfcn.evaluation.submission import open_submission
from fastfcn.numerics import set_numerics
from fastfcn.pictures import legend, save_picture
from fastfcn.pool import in_processes
from fastfcn.prediction.areas import write_areas
from fastfcn.prediction.config import PredictionConfig
from fastfcn.prediction.engine import open_engine
from fastfcn.prediction.failures import require_none
from fastfcn.prediction.journal import Journal, discard
from fastfcn.prediction.session import Session
from fastfcn.prediction.sources import Source
from fastfcn.training.lock import alone_in

WHITE = (255, 255, 255)  # of pixels that are given no class


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
    engine = open_engine(settings)
    session = Session.begin(settings, engine)
    if engine.said:
        print(engine.said)
    with alone_in(output, what="prediction", option="output="):
        if settings.overwrite:
            discard(output, session.outputs)
        session.journal = Journal.open(output, session.identity)
        classes, palette = engine.classes, engine.palette
        unknown = settings.threshold is not None
        shown = (*classes, "unknown") if unknown else classes
        save_picture(legend(shown, (*palette, WHITE) if unknown else palette), output / "legend.png")
        known = settings.submission is None
        todo = [source for source in sources if not (known and session.journal.holds(source, session.outputs))]
        with open_submission(settings.submission, output, len(classes)) as session.submission:
            failures = _predict_all(session, todo)
            if "areas" in settings.write:
                write_areas(output, Journal.open(output, session.identity).entries.values(), shown)
            require_none(failures, len(sources), settings)
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


def _predict_all(session: Session, todo: Sequence[Source]) -> dict[Source, str]:
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
    session = Session.begin(settings, open_engine(settings, rank=rank), rank=rank)
    session.journal = Journal.append_to(Path(settings.output), session.identity)
    return session.predict(todo[rank::devices], shown=rank == 0)
