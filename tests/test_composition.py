"""Values of options: strict, in range, plain where plain is asked; each refusal names the option and its range."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from omegaconf import DictConfig

from fastfcn.composition import build, check_keys, typed
from fastfcn.evaluation.protocols import build_protocol
from fastfcn.fitting import LONGEST, require_fitting
from fastfcn.options import AtLeastOne, Count, Dilations, Fraction, Name, NotNegative, Positive, Seed, within
from fastfcn.training.config import read_config

HERE = __name__


class Part:
    """A part of its own."""

    def __init__(self, *, width: AtLeastOne = 1) -> None:
        self.width = width


class OtherPart:
    """A part of another kind."""


class Whole:
    """Has parts, a part to be completed, and plain values."""

    def __init__(
        self,
        *,
        size: int,
        part: Part | None = None,
        make: Callable[[int], Part] | None = None,
        scale: tuple[float, float] = (1.0, 1.0),
        anything: Any = None,
    ) -> None:
        self.size, self.part, self.make, self.scale, self.anything = size, part, make, scale, anything


@dataclass(frozen=True)
class Root:
    """A root configuration."""

    whole: dict[str, Any]
    rounds: AtLeastOne
    name: str | None = None


def node(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"{HERE}.{name}", **options}


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, AtLeastOne), (0, Count), (2**32 - 1, Seed), (1, Positive), (0, NotNegative), (1, Fraction),
        (None, AtLeastOne | None), ([1, 2], tuple[float, float]), ([1], Dilations), ("0", Name), ({}, dict[str, Any]),
        ("a", Literal["a", "b"]), (7, Any),
    ],
)  # fmt: skip
def test_what_fits_passes(value: Any, hint: Any) -> None:
    require_fitting(value, hint, "x")


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        (0, AtLeastOne, "x must be 1 or more, got 0"),
        (-1, Count, "x must be 0 or more, got -1"),
        (0.0, Positive, "x must be positive, got 0.0"),
        (1.5, Fraction, "x must be between 0 and 1, got 1.5"),
        (-1, Seed, "x must be between 0 and 4294967295, got -1"),
        (9, Annotated[int, within(0, 5)] | None, "x must be between 0 and 5, got 9"),
        (True, int, "x=true does not fit: input should be a valid integer"),
        (2.0, int, "x=2.0 does not fit: input should be a valid integer"),
        ("5", int, 'x="5" does not fit: input should be a valid integer'),
        (True, float, "x=true does not fit: input should be a valid number"),
        (float("nan"), Positive, "x=NaN does not fit: input should be a finite number"),
        (float("inf"), float, "x=Infinity does not fit: input should be a finite number"),
        (1, bool, "x=1 does not fit: input should be true or false"),
        (None, int, "x=null does not fit"),
        (5, str, "x=5 does not fit: input should be a valid string"),
        (" ", Name, 'x must be a name or a path, got " "'),
        ([], Dilations, "x must be a list of one or more values"),
        ([1, 0], Dilations, "x.1 must be between 1 and 1024, got 0"),
        ([1], tuple[float, float], r"x=\[1\] does not fit: it has too few values"),
        (3, tuple[float, float], r"x=3 does not fit: input should be a list: \[A,B"),
        ({"a": 1}, int, 'x={"a": 1} does not fit: input should be a valid integer'),
        ("c", Literal["a", "b"], "x=c does not fit: input should be 'a' or 'b'"),
        (list(range(10_000)), int, r"x=\[0, 1, .*\.\.\. \(\d+ characters\) does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_short_line(value: Any, hint: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        require_fitting(value, hint, "x")
    assert len(str(refusal.value)) < LONGEST + 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": node("Part")}, r"whole.size takes no Part \(_target_=\)"),
        ({"size": {"_target_": "os.getcwd"}}, r"whole.size takes no getcwd"),
        ({"size": 1, "part": node("OtherPart")}, "whole.part takes no OtherPart"),
        ({"size": 1, "part": node("Part", width=0)}, "whole.part.width must be 1 or more, got 0"),
        ({"size": 1, "part": node("Part", _partial_=True)}, "whole.part takes no Part"),
        ({"size": 1, "make": node("Part")}, "whole.make takes no Part .*without _partial_=true"),
        ({"size": 1, "make": node("OtherPart", _partial_=True)}, "whole.make takes no OtherPart"),
        (
            {"size": 1, "part": "thin"},
            "whole.part=thin does not fit: .* choose one by whole/part=",
        ),
        ({"size": 1, "scale": [node("Part"), 1]}, "whole.scale.0=.* does not fit: input should be a valid number"),
        ({"size": 1, "anything": [{"deep": node("Part")}]}, "whole.anything takes plain values, and no _target_="),
        ({}, "whole.size must be given, for instance whole.size=VALUE"),
        ({"size": 1, "_args_": [1]}, "whole._args_ is not an option"),
        ({"size": 1, "_recursive_": False}, "whole._recursive_ is not an option"),
        ({"size": 1, "_partial_": True}, "whole._partial_ is not an option"),
        ({"size": 1, "siz": 1}, r"whole.siz is not an option; did you mean size\?"),
        ({"size": 1, "_target_": None}, "whole._target_ must be given"),
        ({"size": 1, "_target_": 5}, "whole._target_=5 cannot be found"),
        ({"size": 1, "_target_": f"{HERE}.HERE"}, "is nothing that can be built"),
    ],
)
def test_a_node_is_built_only_where_the_signature_asks_for_it(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build({**node("Whole"), **options}, "whole")


def test_parts_are_built_where_they_are_asked_for() -> None:
    whole = build(node("Whole", part=node("Part", width=3), make=node("Part", _partial_=True)), "whole", size=2)
    assert (whole.size, whole.part.width, whole.make(width=5).width) == (2, 3, 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rounds": 1}, "whole must be given: ~whole or whole=null takes away"),
        ({"whole": {}, "rounds": 0}, "rounds must be 1 or more, got 0"),
        ({"whole": 3, "rounds": 1}, "whole=3 does not fit: input should be options, given by whole.KEY=VALUE"),
        ({"whole": {}, "rounds": 1, "nam": "x"}, r"nam is not an option; did you mean name\?"),
    ],
)
def test_a_root_configuration_is_whole(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed(Root, content)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("recipe.lr=-1", "recipe.lr must be positive, got -1"),
        ("recipe.head_lr_factor=-1", "recipe.head_lr_factor must be 0 or more"),
        ("recipe.weight_decay=-1", "recipe.weight_decay must be 0 or more"),
        ("seed=-1", "seed must be between 0 and 4294967295, got -1"),
        ("pictures=-1", "pictures must be 0 or more"),
        ("checkpoint_every=-1", "checkpoint_every must be 1 or more"),
        ("devices=0", "devices must be 1 or more"),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches must be 1 or more"),
        ("trainer.check_val_every_n_epoch=0", "trainer.check_val_every_n_epoch must be 1 or more"),
        ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps must be 1 or more"),
        ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val must be 0 or more"),
        ("trainer.precision=8", "trainer.precision=8 does not fit: input should be '32-true'"),
        ("trainer.accelerator=abacus", "trainer.accelerator=abacus does not fit: input should be 'auto', 'cpu'"),
        ("+trainer.limit_val_batches=0", "trainer.limit_val_batches must be 1 or more batches, or a fraction"),
        ("+trainer.limit_val_batches=1.5", "trainer.limit_val_batches must be 1 or more batches, or a fraction"),
        ("+trainer.max_steps=0", "trainer.max_steps must be 1 or more, or -1 for no limit"),
        ("+trainer.fast_dev_run=true", "trainer.fast_dev_run must be false"),
        ("~trainer.log_every_n_steps", "trainer.log_every_n_steps must be given"),
        ("model.backbone.output_stride=4", "model.backbone.output_stride=4 does not fit: input should be 8, 16 or 32"),
        ("+model.backbone.std=[0.2,0,0.2]", "model.backbone.std.1 must be more than 0, and at most 1, got 0"),
        ("+model.backbone.in_channels=0", "model.backbone.in_channels must be between 1 and 1024, got 0"),
        ("+model.head.kernel_size=2", "model.head.kernel_size must be odd, between 1 and 15"),
        ("+model.head.codewords=0", "model.head.codewords must be between 1 and 65536"),
        ("augmentation.crop_size=1", "augmentation.crop_size must be between 16 and 100000, got 1"),
        ("augmentation.flip=2", "augmentation.flip must be between 0 and 1"),
        ("augmentation.blur=-0.1", "augmentation.blur must be between 0 and 1"),
        ("augmentation.scale=[]", "augmentation.scale=.* too few values"),
        ("augmentation.scale=[2,1]", r"base_size \* scale\[0\] <= base_size \* scale\[1\]"),
        ("augmentation.rotate=181", "augmentation.rotate must be between 0 and 180"),
        ("loss.aux_weight=-1", "loss.aux_weight must be 0 or more"),
        ("loss.presence_weight=-1", "loss.presence_weight must be 0 or more"),
        ("logger.images_every=0", "logger.images_every must be 1 or more"),
        ("data.size=8", "data.size must be between 16 and 2048, got 8"),
        ("++data.val_images=0", "data.val_images must be between 1 and"),
        ("protocol=multi_scale protocol.crop_size=1", "protocol.crop_size must be between 16 and"),
        ("protocol=multi_scale protocol.scales=[]", "protocol.scales must be a list of one or more values"),
        ("protocol=multi_scale protocol.batch=0", "protocol.batch must be 1 or more"),
        ("data=folder data.root=/tmp data.ignore_index=-1", "data.ignore_index must be between 0 and 65535"),
        ("data=folder data.root=/tmp data.palette=[[1,2,300]]", "data.palette.0.2 must be between 0 and 255"),
        ("~model", "model must be given"),
        ("model.head=psp", "model.head=psp does not fit: .* choose one by model/head=NAME"),
        ("model.upsampling.width=0", "model.upsampling.width must be between 1 and 65536, got 0"),
        ("+model.upsampling.align_corners=false", "model.upsampling.align_corners must be left to model.align_corners"),
        ("+model.head.num_classes=3", "model.head.num_classes is not an option"),
    ],
)
def test_an_option_out_of_its_range_is_refused(override: str, message: str, composed) -> None:
    def check(config: DictConfig) -> None:
        settings = read_config(config)
        for name in ("recipe", "augmentation", "loss", "logger", "data"):
            build(getattr(settings, name), name)
        if settings.protocol is not None:
            build_protocol(settings.protocol, settings.augmentation)
        check_keys(settings.model, "model", given=["num_classes"])

    with pytest.raises(ValueError, match=message):
        check(composed(*override.split()))
