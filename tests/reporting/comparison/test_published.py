"""Published numbers: read strictly, and compared only under the same conditions."""

from pathlib import Path

import pytest
import yaml

from fastfcn.reporting.comparison.experiment import SWEEP, read_introduction, read_sweep
from fastfcn.reporting.comparison.published import Published, read_published
from fastfcn.reporting.comparison.table import Line, build_tables
from tests.reporting.comparison.synthetic import PUBLISHED, run, write_experiment

SAME = {"data": "pascal_context", "split": "val", "protocol": "ss", "backbone": "tu-resnet50s"}
EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SHIPPED = sorted(path.parent for path in EXPERIMENTS.glob("*/published.yaml"))


def line(published: Published, row: str = "jpu", **conditions: str) -> Line:
    return build_tables([run(row, miou=0.5, **conditions)], [], published)[0].lines[0]


@pytest.fixture
def published() -> Published:
    return Published.model_validate(yaml.safe_load(PUBLISHED))


def test_the_difference_is_in_points(published: Published) -> None:
    assert line(published, **SAME).difference == pytest.approx(-1.05)
    assert line(published, "dilated", **SAME).difference == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": "shapes"}, "dataset pascal_context, not shapes"),
        ({"split": "test"}, "split val, not test"),
        ({"protocol": "ms"}, "protocol ss, not ms"),
        ({"backbone": "tu-resnet18"}, "backbone tu-resnet50s, not tu-resnet18"),
    ],
)
def test_any_other_condition_forbids_the_comparison(published: Published, change: dict[str, str], reason: str) -> None:
    ours = line(published, **{**SAME, **change})
    assert ours.reference is not None
    assert ours.reference.differences == (reason,)
    assert ours.difference is None


def test_a_row_that_is_not_published_has_no_reference(published: Published) -> None:
    assert line(published, "fpn", **SAME).reference is None


def test_the_nearest_of_several_settings_is_taken() -> None:
    setting = yaml.safe_load(PUBLISHED)["settings"][0]
    other = {**setting, "dataset": "ade20k", "protocol": "ms", "rows": {"jpu": {"miou": 42.75}}}
    both = Published.model_validate({"settings": [setting, other]})
    reference = line(both, data="ade20k", protocol="ms", backbone="tu-resnet50s").reference
    assert reference is not None
    assert reference.comparable
    assert reference.scores.miou == 42.75


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("miou: 49.91", "miuo: 49.91", "settings.0.rows.dilated.miuo: Extra inputs are not permitted"),
        ("miou: 49.91", "miou: 4991", "settings.0.rows.dilated.miou: Input should be less than or equal to 100"),
        ("    split: val\n", "", "settings.0.split: Field required"),
        ("settings:", "settings: [", "is no YAML"),
    ],
)
def test_a_damaged_file_is_refused(before: str, after: str, message: str, tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    (folder / "published.yaml").write_text(PUBLISHED.replace(before, after, 1))
    with pytest.raises(ValueError, match=r"published\.yaml") as error:
        read_published(folder)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_file_nothing_is_published(tmp_path: Path) -> None:
    assert read_published(tmp_path).rows == ()


def test_the_head_of_the_readme_introduces(tmp_path: Path) -> None:
    introduction = read_introduction(write_experiment(tmp_path))
    assert introduction.title == "Which module?"
    assert introduction.question == "One head, four modules."
    assert introduction.commands == "python src/train.py -m"
    assert read_introduction(tmp_path).title == tmp_path.name


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_what_is_shipped_reads_and_names_rows_of_the_sweep(folder: Path) -> None:
    published = read_published(folder)
    assert published.settings
    introduction = read_introduction(folder)
    assert introduction.question
    assert f"python src/report.py experiments/{folder.name}" in introduction.commands
    assert set(published.rows) <= set(read_sweep(folder / SWEEP).rows)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_source_has_its_networks_and_protocols(folder: Path) -> None:
    for setting in read_published(folder).settings:
        if setting.source.startswith("mmsegmentation"):
            assert setting.backbone == "tu-resnet50c, stage_dilations [2, 4]"
            assert setting.protocol.startswith("whole")
        else:
            assert setting.source.startswith("arXiv:1903.11816, ")
            assert setting.backbone in ("tu-resnet50s", "tu-resnet101s")
            assert setting.protocol in ("ss", "ms", "test server")


def test_a_sweep_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("row: {a: b}\n")
    with pytest.raises(ValueError, match=r"sweep\.yaml must hold protocol and rows"):
        read_sweep(tmp_path / SWEEP)
