"""Networks for code of one's own: the suite's presets and parts by their names, without a run around them."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import fspath
from pathlib import Path
from typing import Any, Literal

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.data.folder import MAX_CLASSES
from fastfcn.fitting import require_fitting
from fastfcn.installation import CONF
from fastfcn.models.pretrained import load_pretrained
from fastfcn.models.segmenter import Segmenter
from fastfcn.nearest import did_you_mean
from fastfcn.options import Name, Width

NO_CHOICES = {"model": {"segmenter"}, "model/backbone": {"base", "suggested"}}  # what the choices are made of


def create_network(
    preset: str = "encnet_jpu",
    *,
    classes: int,
    backbone: str | None = None,
    upsampling: str | None = None,
    head: str | None = None,
    width: int | None = None,
    output_stride: Literal[8, 16, 32] | None = None,
    in_channels: int = 3,
    auxiliary: bool = True,
    weights: str | Path | None = None,
) -> Segmenter:
    """Build a network that is new, in training mode: called on images (B, in_channels, H, W) it returns a Prediction.

    `preset`, `upsampling` and `head` are names of conf/model, `backbone` one of conf/model/backbone (by default the
    paper's ResNet-50) or any encoder of SMP. `width` is the channels of the upsampling module. `weights` of the
    backbone are random unless they are `imagenet` (installed, or downloaded once) or a state dict's path. Raises
    ValueError, with the nearest name, for what is not known or cannot be had.
    """
    require_fitting(classes, int, "classes")
    if not 1 <= classes <= MAX_CLASSES:
        raise ValueError(f"classes must be between 1 and {MAX_CLASSES}, got {classes}")
    choices = {"model": preset, "model/upsampling": upsampling, "model/head": head}
    overrides = [f"{group}={require_choice(name, group)}" for group, name in choices.items() if name is not None]
    encoder = None
    if backbone in known_choices("model/backbone"):
        overrides.append(f"model/backbone={backbone}")
    elif backbone is not None:
        require_fitting(backbone, Name, "backbone")
        encoder = backbone
    model = _composed(overrides)
    options = {
        "name": encoder,
        "output_stride": output_stride,
        "in_channels": in_channels,
        "weights": None if weights is None else fspath(weights),
    }
    model["backbone"] |= {key: value for key, value in options.items() if value is not None or key == "weights"}
    if width is not None:
        require_fitting(width, Width, "width")
        model["upsampling"]["width"] = width
    network = build_network({**model, "auxiliary": auxiliary}, classes)
    load_pretrained(network.backbone)
    return network


def known_choices(group: str) -> list[str]:
    """Name the choices of a group of the configuration."""
    return sorted({path.stem for path in (CONF / group).glob("*.yaml")} - NO_CHOICES.get(group, set()))


def require_choice(name: str, group: str) -> str:
    """Return `name` if it is a choice of the group. Raises ValueError with the nearest that is."""
    known = known_choices(group)
    if name in known:
        return name
    raise ValueError(f"{group}={name} is not known; {did_you_mean(str(name), known)}There are {', '.join(known)}")


def _composed(overrides: list[str]) -> dict[str, Any]:
    """Compose conf/model as training does without a dataset's suggestions."""
    with _hydra_of_its_own():
        config = compose("train", overrides=["~data", *overrides])
    return plain(config.model)


@contextmanager
def _hydra_of_its_own() -> Iterator[None]:
    """Compose beside an application of Hydra's that may be running, and leave that as it was."""
    state = GlobalHydra.instance()
    outer = state.hydra
    state.clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer
