"""Every file under conf/ composes and builds, and who wins is pinned."""

import re
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
import yaml
from hydra.utils import get_class

from fastfcn.benchmarking.benchmark import BenchmarkConfig
from fastfcn.checkpoints import build_network
from fastfcn.composition import build, plain
from fastfcn.data.preparing.prepare_data import PreparationConfig
from fastfcn.entry import CONF
from fastfcn.evaluation.evaluate import EvaluationConfig
from fastfcn.exporting.config import ExportConfig
from fastfcn.importing.import_checkpoint import ImportConfig
from fastfcn.models.backbone import Backbone
from fastfcn.models.upsampling.fpn import FPN
from fastfcn.models.upsampling.jpu import JPU
from fastfcn.prediction.config import PredictionConfig
from fastfcn.prediction.demo import DemoConfig
from fastfcn.trainer_options import TrainingTrainer
from fastfcn.training.config import RunConfig, read_config, suggestions

PRESETS = [f"{head}_{kind}" for head in ("encnet", "psp", "deeplabv3", "fcn") for kind in ("jpu", "os8")]
DATASETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_builds(preset: str, composed) -> None:
    config = composed(f"model={preset}", "model.backbone.name=tu-test_resnet")
    network = build_network(plain(config.model), num_classes=4)
    assert network.backbone.output_stride == (8 if preset.endswith("os8") else 32)
    assert type(network.head).__module__.endswith(preset.split("_")[0])
    assert type(network.upsampling).__module__.endswith("none" if preset.endswith("os8") else "jpu")


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_composes_with_a_schedule(dataset: str, composed) -> None:
    config = read_config(composed(f"data={dataset}", *([] if dataset == "shapes" else ["data.root=/data"])))
    build(config.recipe, "recipe")
    build(config.augmentation, "augmentation")
    build(config.loss, "loss")


@pytest.mark.parametrize("group", ["trainer", "logger"])
def test_every_option_of_a_group_composes(group: str, composed) -> None:
    for path in (CONF / group).glob("*.yaml"):
        assert "_target_" in plain(composed(f"{group}={path.stem}")[group])


@pytest.mark.parametrize(("preset", "count"), [("paper", 0), ("light", 1), ("strong", 4)])
def test_every_augmentation_adds_transforms_and_leaves_the_rest_to_the_data(preset: str, count: int, composed) -> None:
    node = plain(composed(f"augmentation={preset}", "augmentation.flip=0.25").augmentation)
    assert len(build(node, "augmentation").extra.transforms) == count
    paper = plain(composed("augmentation.flip=0.25").augmentation)
    assert {**node, "extra": []} == paper
    assert (paper["crop_size"], paper["flip"]) == (96, 0.25)


def test_a_transform_is_added_by_a_line(composed) -> None:
    line = "augmentation.extra=[CLAHE,{ColorJitter:{brightness:0.3,p:1}}]"
    for preset in ("paper", "strong"):
        node = plain(composed(f"augmentation={preset}", line).augmentation)
        assert node["extra"] == ["CLAHE", {"ColorJitter": {"brightness": 0.3, "p": 1}}]
        assert len(build(node, "augmentation").extra.transforms) == 2


@pytest.mark.parametrize("backbone", sorted(path.stem for path in (CONF / "model/backbone").glob("resnet*.yaml")))
def test_every_backbone_names_an_encoder(backbone: str, composed) -> None:
    node = plain(composed(f"model/backbone={backbone}").model.backbone)
    assert node["name"].startswith(f"tu-{backbone}")
    if backbone in ("resnet18", "resnet50"):
        assert isinstance(build(node, "model.backbone"), Backbone)


def test_presets_default_to_the_authors_resnet50(composed) -> None:
    model = plain(composed("data=folder", "data.root=/data").model)
    assert model["backbone"]["name"] == "tu-resnet50s"
    assert model["upsampling"]["width"] == 512


def test_shapes_brings_a_small_network_and_the_command_line_wins(composed) -> None:
    model = plain(composed().model)
    assert (model["backbone"]["name"], model["upsampling"]["width"]) == ("tu-resnet18", 128)
    chosen = plain(composed("model/backbone=resnet101", "model.upsampling.width=256", "recipe.lr=1", "data=shapes"))
    assert chosen["model"]["backbone"]["name"] == "tu-resnet101s"
    assert chosen["model"]["upsampling"]["width"] == 256
    assert chosen["recipe"]["lr"] == 1
    assert "width" not in plain(composed("model/upsampling=none").model)["upsampling"]


def test_precedence_command_line_over_data_over_model_over_defaults(composed) -> None:
    assert composed("model=psp_jpu").loss.aux_weight == 0.4  # defaults
    assert composed("model=encnet_jpu").loss.aux_weight == 0.2  # model over defaults
    assert composed("data=shapes").augmentation.crop_size == 96  # data over defaults
    assert composed("data=shapes", "augmentation.crop_size=64").augmentation.crop_size == 64  # command line over data


def test_the_class_count_stands_nowhere_in_the_configuration() -> None:
    given = re.compile(r"^[^#\n]*(num_classes|in_channels)", re.MULTILINE)
    offenders = [path for path in CONF.rglob("*.yaml") if given.search(path.read_text())]
    assert offenders == []


def test_a_part_alone_and_in_the_configuration_has_the_papers_width(composed) -> None:
    for name, part in {"jpu": JPU, "fpn": FPN}.items():
        in_yaml = plain(composed("data=folder", "data.root=/data", f"model/upsampling={name}").model)["upsampling"][
            "width"
        ]
        assert in_yaml == part.__init__.__kwdefaults__["width"]


def test_a_missing_value_is_named(composed) -> None:
    with pytest.raises(ValueError, match=r"data.root must be given, for instance data.root="):
        read_config(composed("data=camvid"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+model.head.droput=0.3", r"model.head.droput is not an option; allowed in model.head: .*lateral"),
        ("+recipe.lrr=1", r"recipe.lrr is not an option; did you mean lr\?"),
        ("+data.sise=3", r"data.sise is not an option; did you mean size\?"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(override: str, message: str, composed) -> None:
    config, path = read_config(composed(override)), override.strip("+").partition(".")[0]
    with pytest.raises(ValueError, match=message):
        build(getattr(config, path), path)


def test_an_unknown_key_at_the_root_is_refused(composed) -> None:
    with pytest.raises(ValueError, match="sede is not an option; did you mean seed"):
        read_config(composed("+sede=3"))


def test_only_the_environment_and_suggestions_are_interpolated() -> None:
    for path in CONF.rglob("*.yaml"):
        for interpolation in re.findall(r"\$\{([^}]+)\}", path.read_text()):
            assert interpolation.startswith(("oc.select:suggested.", "now:", "hydra.sweep.dir")), path


def bare(hint: Any) -> bool:
    """Tell whether numbers of a type have no range."""
    if get_origin(hint) is Annotated:
        return False
    return hint in (int, float) or any(bare(each) for each in get_args(hint))


def test_every_number_that_a_configuration_can_set_has_a_range() -> None:
    nodes = [yaml.safe_load(path.read_text()) or {} for path in CONF.rglob("*.yaml")]
    targets = {found for node in nodes for found in re.findall(r"fastfcn\.[\w.]+", str(node)) if found[-1] != "."}
    assert len(targets) > 30
    targets |= {f"fastfcn.sweeping.{name.lower()}.{name}Backend" for name in ("Local", "Slurm", "Ray")}
    roots = [
        RunConfig, EvaluationConfig, PredictionConfig, DemoConfig, PreparationConfig, ImportConfig, BenchmarkConfig,
        ExportConfig,
    ]  # fmt: skip
    signatures = {
        **{target: get_type_hints(get_class(target).__init__, include_extras=True) for target in targets},
        **{root.__name__: get_type_hints(root, include_extras=True) for root in (*roots, TrainingTrainer)},
    }
    offenders = [
        f"{owner}: {name}"
        for owner, hints in signatures.items()
        for name, hint in hints.items()
        if bare(hint) and name not in ("num_classes", "inputs", "channels", "return")
    ]
    assert offenders == []


def test_what_a_dataset_suggests_is_told_and_what_is_taken_instead(composed) -> None:
    model = plain(composed("model=fcn_jpu", "data=shapes", "model.upsampling.width=8").model)
    told = list(suggestions({"backbone": "tu-resnet18", "width": 128}, model))
    assert told == ["backbone=tu-resnet18", "width=128 (model.upsampling.width=8 is taken)"]
    with pytest.raises(ValueError, match=r"suggested.widht is not an option; did you mean width\?"):
        list(suggestions({"widht": 128}, model))
