"""demo.py: networks to try in a browser, for this machine alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from omegaconf import DictConfig
from PIL import Image

from fastfcn.allocation import keep_freed_memory
from fastfcn.checkpoints import Checkpoint, read_checkpoint
from fastfcn.composition import plain, typed
from fastfcn.evaluation.evaluate import open_data
from fastfcn.evaluation.inputs import find_images
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.numerics import Precision, set_numerics
from fastfcn.optional import require
from fastfcn.options import Fraction, Name, within
from fastfcn.prediction.calibration import Temperature
from fastfcn.prediction.candidate import Candidate
from fastfcn.prediction.maps import Unknown
from fastfcn.prediction.page import build_page
from fastfcn.prediction.predictor import Device, open_predictor
from fastfcn.prediction.processes import device_of

EXAMPLES = 6
FONTS = ["system-ui", "sans-serif"]  # of this machine: Gradio's own come from a server of Google's


@dataclass(frozen=True)
class DemoConfig:
    """The root of conf/demo.yaml, resolved."""

    checkpoint: Name
    checkpoint2: Name | None
    examples: Name | list[Name] | None
    protocol: dict[str, Any]
    numerics: dict[str, Any]
    opacity: Fraction
    temperature: Temperature
    device: Device
    precision: Precision
    optimize: bool
    port: Annotated[int, within(1, 65535)] | None
    host: Name
    share: bool


def serve(config: DictConfig) -> None:
    """Serve the page until Ctrl-C."""
    keep_freed_memory()
    settings = typed(DemoConfig, plain(config))
    set_numerics(settings.numerics)
    with opened(settings) as page:
        print(f"{page.share_url or page.local_url}: Ctrl-C ends it", flush=True)
        page.block_thread()


@contextmanager
def opened(settings: DemoConfig) -> Iterator[Any]:
    """Serve the page meanwhile; what is tried on it is kept no longer, and nobody is told of it.

    Raises ValueError if Gradio is not installed, a checkpoint cannot be read, or the port is taken.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        gradio = require("gradio", extra="demo", what="demo.py")
        names = [settings.checkpoint, *([settings.checkpoint2] if settings.checkpoint2 else [])]
        checkpoints = [read_checkpoint(name) for name in names]
        candidates = [_candidate(name, each, settings) for name, each in zip(names, checkpoints, strict=True)]
        page = build_page(gradio, candidates, _examples(settings, checkpoints[0], Path(folder)), settings.opacity)
        try:
            page.launch(
                server_name=settings.host,
                server_port=settings.port,
                share=settings.share,
                prevent_thread_lock=True,
                footer_links=[],
                run_history=False,
                quiet=True,
                theme=gradio.themes.Default(font=FONTS, font_mono=["monospace"]),
            )
            yield page
        finally:
            page.close(verbose=False)


def _candidate(name: str, checkpoint: Checkpoint, settings: DemoConfig) -> Candidate:
    description = checkpoint.description
    if description.data.get("channels") is not None:
        raise ValueError(f"{name} reads images of other channels than a page can show; predict.py predicts them")
    predictor = open_predictor(
        checkpoint,
        build_protocol(settings.protocol, description.augmentation),
        device=device_of(settings.device),
        temperature=settings.temperature,
        unknown=Unknown("confidence", None),
        precision=settings.precision,
        optimize=settings.optimize,
    )
    return Candidate(name, description.classes, description.palette, predictor)


def _examples(settings: DemoConfig, checkpoint: Checkpoint, folder: Path) -> list[str]:
    """Find images to begin with: those that are named, or some of what the checkpoint was validated on."""
    if settings.examples is not None:
        return [str(source.path) for source in find_images(settings.examples) if not source.moving]
    with suppress(ValueError, OSError):  # the data need not be here
        data = open_data(checkpoint, {})
        split = data.split(data.val_split)
        paths = [folder / f"{index}.png" for index in range(min(EXAMPLES, len(split)))]
        for index, path in enumerate(paths):
            Image.fromarray(split[index].image).save(path)
        return list(map(str, paths))
    return []
