"""Every table composes, row by row and with every dataset; a row is one line, a table one folder."""

import itertools
import json
import shlex
from functools import cache
from pathlib import Path

import pytest

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.entry import CONF
from fastfcn.sweeping import experiments
from fastfcn.sweeping.experiments import known_experiments, read_experiment, register_experiments, require_row
from fastfcn.training.train import read_config

TABLES = known_experiments()
PAPER = {"upsampling": 6, "heads": 8, "dilation": 6, "pascal_context_sota": 2, "ade20k": 4, "speed": 8}  # rows
DATASETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))
ROWS = [(table, row) for table in TABLES for row in read_experiment(table).rows]


def compose_row(composed, table: str, row: str, data: str, *overrides: str):
    register_experiments([f"experiment={table}"])
    root = () if data == "shapes" else ("data.root=/data",)
    return composed(f"experiment={table}", f"row={row}", f"data={data}", *root, *overrides)


def test_the_papers_tables_have_their_rows_and_protocols() -> None:
    tables = {table: read_experiment(table) for table in PAPER}
    assert {name: len(table.rows) for name, table in tables.items()} == PAPER
    multi_scale = {name for name, table in tables.items() if table.protocol == "multi_scale"}
    assert multi_scale == {"pascal_context_sota", "ade20k"}
    assert {table.protocol for table in tables.values()} == {"single_scale", "multi_scale"}


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_every_row_composes_and_builds(table: str, row: str, composed) -> None:
    config = compose_row(composed, table, row, "shapes", "model.backbone.name=tu-test_resnet")
    settings = read_config(config)
    assert (settings.experiment, settings.row) == (table, row)
    assert settings.protocol == plain(composed(f"protocol={read_experiment(table).protocol}").protocol)
    require_buildable(json.dumps(settings.model))


@cache  # most networks are in several tables
def require_buildable(model: str) -> None:
    build_network(json.loads(model), num_classes=3)


@pytest.mark.parametrize("data", DATASETS)
def test_a_table_composes_with_every_dataset(data: str, composed) -> None:
    config = compose_row(composed, "upsampling", "fpn", data)
    assert config.data == composed(f"data={data}", *(() if data == "shapes" else ("data.root=/data",))).data
    read_config(config)


@pytest.mark.slow
def test_every_row_composes_with_every_dataset(composed) -> None:
    for (table, row), data in itertools.product(ROWS, DATASETS):
        read_config(compose_row(composed, table, row, data))


def test_rows_are_what_they_are_called(composed) -> None:
    def parts(table: str, row: str) -> tuple[str, str, int]:
        model = plain(compose_row(composed, table, row, "shapes").model)
        head, upsampling = (model[part]["_target_"].split(".")[-2] for part in ("head", "upsampling"))
        return head, upsampling, model["backbone"]["output_stride"]

    assert {row: parts("upsampling", row) for row in read_experiment("upsampling").rows} == {
        "none": ("encnet", "none", 32), "bilinear": ("encnet", "bilinear", 32), "fpn": ("encnet", "fpn", 32),
        "jpu": ("encnet", "jpu", 32), "jpu_x": ("encnet", "jpu_x", 32), "dilated": ("encnet", "none", 8),
    }  # fmt: skip
    assert {parts("parts", f"{row}_lite0") for row in ("fcn_none", "fcn_jpu", "encnet_dilated")} == {
        ("fcn", "none", 32), ("fcn", "jpu", 32), ("encnet", "none", 8),
    }  # fmt: skip
    for row in read_experiment("dilation").rows:
        stride, _, jpu = row.partition("_")
        assert parts("dilation", row) == ("encnet", jpu or "none", int(stride.removeprefix("os")))
    for row in read_experiment("heads").rows:
        head, _, kind = row.rpartition("_")
        assert parts("heads", row) == (head, *(("none", 8) if kind == "dilated" else ("jpu", 32)))


def test_dilated_resnet101_is_what_its_numbers_were_trained_with(composed) -> None:
    def options(table: str, row: str) -> tuple[bool, int, int]:
        config = plain(compose_row(composed, table, row, "ade20k" if table == "ade20k" else "pascal_context"))
        crops = config["augmentation"]
        assert config["protocol"]["base_size"] is config["protocol"]["crop_size"] is None  # as in training
        return config["model"]["head"]["lateral"], crops["base_size"], crops["crop_size"]

    assert options("ade20k", "encnet_dilated_r101") == (True, 640, 576)
    assert options("pascal_context_sota", "encnet_dilated") == (True, 520, 480)
    others = [("ade20k", "encnet_jpu_r101"), ("ade20k", "encnet_dilated"), ("pascal_context_sota", "encnet_jpu")]
    for table, row in others:
        assert options(table, row) == (False, 520, 480)


def test_a_small_network_on_camvid_is_asked_for_in_all_rows_at_once(composed) -> None:
    text = (CONF.parent / "docs" / "sweeps.md").read_text()
    command = shlex.split(text.partition("-m experiment=upsampling data=camvid data.root=PATH ")[2].partition("```")[0])
    for row in read_experiment("upsampling").rows:
        config = read_config(compose_row(composed, "upsampling", row, "camvid", *filter(str.strip, command)))
        assert config.model["backbone"]["name"] == "tu-resnet18"
        assert config.model["upsampling"].get("width", 128) == 128
        assert config.augmentation["crop_size"] == 192


def test_the_command_line_wins_over_a_row(composed) -> None:
    config = compose_row(
        composed, "upsampling", "jpu", "shapes", "model/upsampling=fpn", "protocol=full", "recipe.lr=1"
    )
    assert config.model.upsampling._target_.endswith("FPN")
    assert config.protocol._target_.endswith("FullImage")
    assert config.recipe.lr == 1


def write_table(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(text)


@pytest.mark.parametrize(
    ("line", "encoder"),
    [
        ("convnext: model=encnet_jpu model.backbone.name=tu-convnext_tiny", "tu-convnext_tiny"),
        ("segformer: model=encnet_jpu model.backbone.name=mit_b0", "mit_b0"),
    ],
)
def test_a_table_is_a_folder_and_a_row_a_line(
    line: str, encoder: str, composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "backbones", f"protocol: full\nrows:\n  resnet: model=encnet_jpu\n  {line}\n")
    monkeypatch.setattr(experiments, "FOLDER", tmp_path)
    config = compose_row(composed, "backbones", line.partition(":")[0], "shapes")
    network = build_network(plain(config.model), num_classes=3)
    assert network.backbone.name == encoder


def test_a_row_may_be_a_loss(composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "balanced: loss.class_weights=balanced\n  mixed: 'loss/terms=[dice,focal] loss.terms.focal.weight=0.5'"
    write_table(tmp_path / "losses", f"protocol: full\noptions: model=encnet_jpu\nrows:\n  {rows}\n")
    monkeypatch.setattr(experiments, "FOLDER", tmp_path)
    assert compose_row(composed, "losses", "balanced", "shapes").loss.class_weights == "balanced"
    loss = plain(compose_row(composed, "losses", "mixed", "shapes").loss)
    assert {name: term["weight"] for name, term in loss["terms"].items()} == {"dice": 1.0, "focal": 0.5}
    assert loss["aux_weight"] == 0.2  # the head's


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment=upsamplings"], "experiment=upsamplings is no table under experiments/; choose one of ade20k, "),
        (["+experiment=upsampling"], r"write experiment=upsampling without the \+; experiments are ade20k, "),
        (["row=jpu"], "row=jpu is a row of a table; add experiment=NAME, one of ade20k, "),
        (["experiment=upsampling,heads"], "experiment=upsampling,heads: one table a command"),
        (["hydra/launcher=basic"], "hydra/launcher=basic is none of local, ray, slurm, which give every job a process"),
        (["-m", "experiment=upsampling", "tune=0"], "tune must be a number of trials for each row, 1 or more, got 0"),
        (["-m", "tune=8"], "tune=8 is for the rows of a table; add experiment=NAME, one of ade20k, "),
        (["experiment=upsampling", "row=jpu", "tune=8"], "tune=8 makes many trainings of one command: add -m"),
        (["-m", "experiment=upsampling", "tune=8", "hydra/sweeper=search"], "leave hydra/sweeper=search out"),
        (["hydra/sweeper=optuna"], "hydra/sweeper=search is Optuna set up here"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        register_experiments(arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: [", "is no YAML"),
        ("protocol: full", "must hold protocol and rows"),
        ("protocol: full\nrows: {a: model=x}\nsedes: [0]", "nothing else"),
        ("protocol: full\nrows: {a: x=1}\nseeds: 3", "seeds must be a list of whole numbers, 0 or more"),
        ("protocol: full\nrows: {a: x=1}\nseeds: [a]", "seeds must be a list of whole numbers, 0 or more"),
        ("protocol: full\nrows: {}", "rows must be lines of NAME: OVERRIDES"),
        ("protocol: full\nrows: {A b: model=x}", "with names of small letters"),
        ("protocol: full\nrows: {a: model=x}\nfactors: {b: {c: model=x}}", "factors in their place"),
        ("protocol: full\nfactors: {a: model=x}", "the levels of each of the factors"),
        ("protocol: full\nfactors: {a: {}}", "the levels of each of the factors"),
        ("protocol: full\nfactors: {a: {B: model=x}}", "with names of small letters"),
        ("protocol: full\nrows: {a: model}", "'model' is no override such as model=encnet_jpu"),
    ],
)
def test_a_broken_table_is_explained(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "mine", text)
    monkeypatch.setattr(experiments, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=message):
        read_experiment("mine")


def test_factors_make_every_combination_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factors = "head: {fcn: model=fcn_jpu, psp: model=psp_jpu}, up: {none: model/upsampling=none, jpu: null}"
    write_table(tmp_path / "parts", f"protocol: full\nfactors: {{{factors}}}\n")
    monkeypatch.setattr(experiments, "FOLDER", tmp_path)
    rows = read_experiment("parts").rows
    assert rows == {
        "fcn_none": ("model=fcn_jpu", "model/upsampling=none"),
        "fcn_jpu": ("model=fcn_jpu",),
        "psp_none": ("model=psp_jpu", "model/upsampling=none"),
        "psp_jpu": ("model=psp_jpu",),
    }


def test_a_table_without_a_row_is_no_run() -> None:
    with pytest.raises(ValueError, match=r"add -m to train all its rows, or row= with one of none, bilinear, fpn, jpu"):
        require_row({"experiment": "upsampling"})
    require_row({"experiment": "upsampling", "row": "jpu"})
    require_row({})


def test_null_is_no_row() -> None:
    register_experiments(["experiment=null", "row=null"])
    with pytest.raises(ValueError, match="row=jpu is a row of a table; add experiment=NAME"):
        register_experiments(["experiment=null", "row=jpu"])
