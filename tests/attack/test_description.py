"""A checkpoint's description that was changed: refused whole when it is read, whatever part would use it."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastfcn.checkpoints import Checkpoint, network_of, read_checkpoint
from fastfcn.data.opening import build_data
from fastfcn.description import Description
from fastfcn.evaluation.protocols import build_protocol

CALL = {"_target_": "os.mknod", "path": "mark"}
SINGLE_SCALE = {
    "_target_": "fastfcn.evaluation.sliding.SlidingWindow", "name": "ss", "base_size": None, "crop_size": None,
    "scales": [1.0], "flip": False, "fusion": "exp_sum", "batch": None,
}  # fmt: skip


def shared(levels: int) -> Any:
    """A dict of 2 ** levels values, in the memory of `levels`."""
    node: Any = 1
    for _ in range(levels):
        node = {"a": node, "b": node}
    return node


def endless() -> dict[str, Any]:
    node: dict[str, Any] = {}
    node["self"] = node
    return node


FOREIGN = "no part of a network or dataset here; refused"
HOSTILE = {  # where, what stands there, what the line says
    "code in a size": ("augmentation.base_size", CALL, FOREIGN),
    "code in a list": ("augmentation.scale", [CALL, 1.0], FOREIGN),
    "code in a rate": ("recipe.lr", CALL, FOREIGN),
    "code in a count": ("data.val_images", CALL, FOREIGN),
    "code in a width": ("model.upsampling.width", CALL, FOREIGN),
    "code instead of a recipe": ("recipe", CALL, FOREIGN),
    "code in a class": ("classes", [CALL, CALL], "classes.0"),
    "code in a seed": ("run.seed", CALL, "run.seed"),
    "code for a loss": ("loss", CALL, FOREIGN),
    "code in a loss": ("loss.terms", {"dice": CALL}, FOREIGN),
    "a part in the place of a loss": ("loss.terms", {"dice": {"_target_": "fastfcn.data.shapes.Shapes"}}, FOREIGN),
    "an option that no loss has": ("loss.margin", 1.0, "loss.margin is not an option"),
    "weights of other classes": ("run.class_weights", [1.0], "another length than the 12 classes"),
    "a negative weight": ("run.class_weights", [-1.0] * 12, "run.class_weights.0 must be 0 or more"),
    "a module that acts when imported": ("model.head._target_", "antigravity.fly", FOREIGN),
    "a function of the package": ("data._target_", "fastfcn.data.opening.build_data", FOREIGN),
    "what a module merely imports": ("model.head._target_", "fastfcn.models.segmenter.FCNHead", FOREIGN),
    "a part in the place of data": ("data._target_", "fastfcn.models.upsampling.jpu.JPU", FOREIGN),
    "data in the place of a part": ("model.head._target_", "fastfcn.data.shapes.Shapes", FOREIGN),
    "a head in the place of upsampling": ("model.upsampling._target_", "fastfcn.models.heads.fcn.FCNHead", "takes no"),
    "an abstract part": ("model.head", {"_target_": "fastfcn.models.heads.base.Head", "_partial_": True}, "abstract"),
    "another recipe": ("recipe._target_", "fastfcn.data.augmentation.Augmentation", FOREIGN),
    "positional arguments": ("model.head._args_", ["sh"], "holds _args_"),
    "conversion": ("model._convert_", "all", "holds _convert_"),
    "recursion": ("model._recursive_", False, "holds _recursive_"),
    "partial data": ("data._partial_", True, "data._partial_"),
    "a partial network": ("model._partial_", True, "model._partial_"),
    "partial otherwise": ("model.head._partial_", 1, "holds _partial_"),
    "a head that is whole": ("model.head._partial_", False, "holds _partial_"),
    "the environment": ("model.backbone.name", "${oc.env:HOME}", "unresolved value"),
    "the environment in a class": ("classes", ["${oc.env:HOME}", "b"], "unresolved value"),
    "a name that would be asked of a hub": ("model.backbone.name", "tu-hf-hub:owner/name", "is not an SMP encoder"),
    "a name that is a path": ("model.backbone.name", "../../etc", "is not an SMP encoder"),
    "a network of gigabytes": ("model.upsampling.width", 20_000, "of another shape"),
    "an encoder of half a gigabyte": ("model.backbone.name", "vgg19", "those of another network"),
    "a width that is none": ("model.upsampling.width", -1, "model.upsampling.width must be between"),
    "ten thousand branches": ("model.upsampling.dilations", [1] * 10**4, "larger or deeper"),
    "no width": ("model.upsampling.width", None, "model.upsampling.width"),
    "a dict for a width": ("model.upsampling.width", {"a": 1}, "model.upsampling.width"),
    "a hundred thousand classes": ("classes", ["a"] * 10**5, "larger or deeper"),
    "too many classes": ("classes", [f"c{index}" for index in range(256)], "between|2 to 255"),
    "a palette of nothing": ("palette", [None] * 12, "palette holds what is no list"),
    "a palette of names": ("palette", ["red"] * 12, "palette holds what is no list"),
    "one class": ("classes", ["a"], "2 to 255"),
    "no classes": ("classes", None, "classes"),
    "a class without a name": ("classes", [" "] * 12, "a name of 1 to 200"),
    "a class that is a number": ("classes", list(range(12)), "classes.0"),
    "a class of a million letters": ("classes", ["a" * 10**6, "b"], "more than 4096"),
    "a class that moves the cursor": ("classes", ["\x1b[2J", "b"], "control characters"),
    "a class of two lines": ("classes", ["a\nb", "b"], "control characters"),
    "a colour beyond a byte": ("palette", [[999, 0, 0]] * 12, "between 0 and 255, got 999"),
    "a negative colour": ("palette", [[0, 0, -1]] * 12, "between 0 and 255, got -1"),
    "a colour of two": ("palette", [[0, 0]] * 12, "palette.0"),
    "too few colours": ("palette", [[0, 0, 0]], "1 colours for 12 classes"),
    "colours that are text": ("palette", "red", "palette is no list"),
    "endless validation": ("data.val_images", 10**12, "data.val_images must be between"),
    "endless training": ("data.train_images", 10**30, "beyond all bounds"),
    "huge scenes": ("data.size", 10**6, "data.size must be between"),
    "a split that is no name": ("data.val_split", ["a"], "data.val_split"),
    "values shared over 40 levels": ("augmentation.scale", shared(40), "nested or repeated"),
    "values shared over 10 levels": ("augmentation.scale", shared(10), "larger or deeper"),
    "a dict in itself": ("run", endless(), "nested or repeated"),
    "a target among transforms": ("augmentation.extra", [CALL], FOREIGN),
    "a function for a transform": ("augmentation.extra", ["os.mknod"], "must be a transform of albumentations"),
    "a transform that takes functions": ("augmentation.extra", [{"Lambda": {"image": "os.mknod"}}], "takes functions"),
    "an argument of no transform": ("augmentation.extra", [{"CLAHE": {"path": "mark"}}], "path is none"),
    "a target for an argument": ("augmentation.extra", [{"CLAHE": {"p": CALL}}], FOREIGN),
    "an option that is none": ("augmentation.hue", 0.5, "augmentation.hue is not an option"),
    "not a number": ("augmentation.flip", float("nan"), "beyond all bounds"),
    "a number of a hundred digits": ("run.seed", 10**100, "beyond all bounds"),
    "bytes": ("data.root", b"/", "_codecs.encode"),
    "another fact of the run": ("run.colour", 1, "run.colour"),
    "another part": ("extra", {}, "extra is no part of a description"),
    "another format": ("format", "fastfcn-1", "its format is fastfcn-1"),
    "no model": ("model", {}, "model._target_ must be given"),
    "a model that is text": ("model", "encnet", "model"),
    "nothing": (None, None, "its format is unknown"),
    "a list": (None, [1], "its format is unknown"),
}  # fmt: skip


def put(description: Any, place: str, value: Any) -> None:
    *parents, key = place.split(".")
    for parent in parents:
        description = description[parent]
    description[key] = value


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_descriptions_are_refused(attack: str, hostile, refused) -> None:
    place, value, message = HOSTILE[attack]

    def change(content: dict[str, Any]) -> None:
        if place is None:
            content["hyper_parameters"] = value
        else:
            put(content["hyper_parameters"], place, value)

    path = hostile(change)
    line = refused(lambda: network_of(read_checkpoint(path)))
    assert str(path) in line
    assert any(part in line for part in message.split("|")), line
    assert not Path("mark").exists()


@pytest.mark.parametrize("missing", ["model", "classes", "palette", "data", "recipe", "augmentation", "run"])
def test_descriptions_that_lack_a_part_are_refused(missing: str, hostile, refused) -> None:
    path = hostile(lambda content: content["hyper_parameters"].pop(missing))
    assert f"{missing} is missing" in refused(read_checkpoint, path)


@pytest.mark.parametrize("protocol", ["single_scale", "multi_scale"])
def test_sizes_that_are_code_run_nothing(protocol: str, hostile, fails, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    call = {"_target_": "os.mknod", "path": str(mark)}
    path = hostile(lambda content: put(content["hyper_parameters"], "augmentation.crop_size", call))
    (tmp_path / "images").mkdir()
    for name, arguments in {
        "predict": (f"images={tmp_path}/images", f"output={tmp_path}/out"),
        "evaluate": (f"hydra.run.dir={tmp_path}/run",),
    }.items():
        if name == "predict":
            (tmp_path / "images" / "a.png").write_bytes(b"not read")
        assert FOREIGN in fails(name, f"checkpoint={path}", f"protocol={protocol}", *arguments)
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def leaves(node: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Name every place below `node`."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []
    return [each for key, value in inner for each in [(*place, key), *leaves(value, (*place, key))]]


NAMES = st.sampled_from(
    ["_target_", "_partial_", "width", "os.system", "resnet34", "mit_b0", "fastfcn.models.heads.fcn.FCNHead",
     "fastfcn.models.upsampling.top_down.TopDown", "fastfcn.data.folder.Folder", "fastfcn.data.pairs.FileData"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | NAMES, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Checkpoint:
    return read_checkpoint(trained / "checkpoints" / "best.ckpt")


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_any_place_loads_or_is_one_line(checkpoint: Checkpoint, data: st.DataObject) -> None:
    content = checkpoint.description.to_dict()
    *parents, key = data.draw(st.sampled_from(leaves(content)))
    changed = copy.deepcopy(content)
    node = changed
    for parent in parents:
        node = node[parent]
    node[key] = data.draw(JSON)
    try:
        description = Description.from_dict(changed)
        build_protocol(SINGLE_SCALE, description.augmentation)
        build_data(description.data)
        network_of(replace(checkpoint, description=description))
    except (ValueError, FileNotFoundError) as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 2000  # noqa: PT017
