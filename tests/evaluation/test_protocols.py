"""The sizes that a protocol leaves open are those of training."""

from pathlib import Path

import pytest

from fastfcn.composition import plain
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.evaluation.sliding import SlidingWindow


@pytest.mark.parametrize(
    ("augmentation", "chosen", "sizes"),
    [
        ({"base_size": 608, "crop_size": 576, "flip": 0.5}, (), (608, 576)),
        ({"base_size": 608, "crop_size": 576}, ("protocol.crop_size=96",), (608, 96)),
        ({"base_size": 608, "crop_size": 576}, ("protocol.base_size=100",), (100, 576)),
        ({}, (), (520, 480)),  # an imported checkpoint's; the paper's
    ],
)
def test_open_sizes_are_those_of_training(augmentation, chosen, sizes, composed) -> None:
    config = composed("checkpoint=x", "protocol=single_scale", *chosen, config_name="evaluate")
    protocol = build_protocol(plain(config.protocol), augmentation)
    assert isinstance(protocol, SlidingWindow)
    assert (protocol.base_size, protocol.crop_size) == sizes


class Seen(BaseException):
    """Ends an evaluation once its protocol is known."""


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_the_scripts_take_them_from_the_checkpoint(
    name: str, trained: Path, tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def see(node, augmentation):
        protocol = build_protocol(node, augmentation)
        raise Seen(protocol.base_size, protocol.crop_size)

    room = {"evaluate": "evaluation.evaluate", "predict": "prediction.session"}[name]
    monkeypatch.setattr(f"fastfcn.{room}.build_protocol", see)
    arguments = {
        "evaluate": (f"hydra.run.dir={tmp_path}/e",),
        "predict": (f"images={tmp_path}/images", f"output={tmp_path}/o"),
    }[name]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    with pytest.raises(Seen) as seen:
        script(name, f"checkpoint={trained}/checkpoints/best.ckpt", "protocol=multi_scale", *arguments)
    assert seen.value.args == (64, 64)
