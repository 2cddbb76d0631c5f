"""Every option of every script: what conf/ and the constructors behind it say of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from making.annotations import words
from making.files import CONF, ConfigFile, Key, all_files
from making.sources import ROOT, Argument, arguments_of, find_class, mention, summary

ROOTS = {  # the dataclasses that scripts read the roots of their configuration into
    "benchmark": "fastfcn.benchmarking.benchmark.BenchmarkConfig",
    "calibrate": "fastfcn.evaluation.calibrate.CalibrationConfig",
    "demo": "fastfcn.prediction.demo.DemoConfig",
    "evaluate": "fastfcn.evaluation.evaluate.EvaluationConfig",
    "export": "fastfcn.exporting.config.ExportConfig",
    "hub_pull": "fastfcn.hub.hub.PullConfig",
    "hub_push": "fastfcn.hub.hub.PushConfig",
    "import_checkpoint": "fastfcn.importing.import_checkpoint.ImportConfig",
    "predict": "fastfcn.prediction.config.PredictionConfig",
    "prepare_data": "fastfcn.data.preparing.prepare_data.PreparationConfig",
    "train": "fastfcn.training.config.RunConfig",
}
NODES = {  # of nodes whose constructors are not the suite's, or take anything
    "trainer": "fastfcn.trainer_options.TrainingTrainer",
    "hydra.launcher": "fastfcn.sweeping.slurm.Parameters",
    "hydra.sweeper": "hydra_plugins.fastfcn_launchers.SweeperOptions",
}
INNER = {"segmenter", "base"}  # files that are no choices
BY_SUITE = "OfNetwork"  # the type of arguments that are no options


@dataclass(frozen=True)
class Option:
    """An option as one gives it: `path=VALUE`, or `+path=VALUE` where the file leaves it to the constructor."""

    path: str
    default: str
    type: str
    meaning: str
    added: bool = False


@dataclass(frozen=True)
class Page:
    """What one file of conf/ sets: groups to choose of, and options."""

    file: ConfigFile
    says: str
    groups: list[Option]
    options: list[Option]


@cache
def pages() -> list[Page]:
    """Return all files, with every option explained as well as the suite can."""
    files = {file.name: file for file in all_files()}
    elsewhere: dict[str, str] = {}
    for file in files.values():
        said = [(key.path, key.comment) for key in file.keys] + [(each.group, each.comment) for each in file.choices]
        for path, comment in said:
            if comment and ("." in path or "/" in path):  # what stands at the root is each script's own
                elsewhere.setdefault(path, comment)
    return [_page(file, files, elsewhere) for file in files.values()]


def _page(file: ConfigFile, files: Mapping[str, ConfigFile], elsewhere: Mapping[str, str]) -> Page:
    targets = _targets(file, files)
    options = [_option(file, key, targets, elsewhere) for key in file.keys]
    written = {key.path for key in file.keys}
    for node, target in file.targets.items():
        options += _left_to(file, _joined(node), target, written, elsewhere)
    groups = [
        Option(each.group, each.name, choices_of(each.group), each.comment or elsewhere.get(each.group, ""))
        for each in file.choices
    ]
    return Page(file, " ".join(file.introduction) or next(map(summary, file.targets.values()), ""), groups, options)


def _targets(file: ConfigFile, files: Mapping[str, ConfigFile]) -> dict[str, str]:
    """Return the classes behind a file's nodes: its own, those it begins from, training's and the backbone's."""
    found = files["train"].targets | files["model/backbone/base"].targets
    for base in filter(files.get, file.bases):
        found |= _targets(files[base], files)
    return found | {_joined(node): target for node, target in file.targets.items()}


def _joined(node: str) -> str:
    """Return where the options of a node stand: a reader of `from=` takes them from the root."""
    return "" if node == "reader" else node


def choices_of(group: str) -> str:
    """List what a group offers, without the files that only others begin from."""
    if group == "experiment":
        return _listed(path.parent.name for path in (ROOT / "experiments").glob("*/sweep.yaml"))
    return _listed({path.stem for path in (CONF / group).glob("*.yaml")} - INNER)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _option(file: ConfigFile, key: Key, targets: Mapping[str, str], elsewhere: Mapping[str, str]) -> Option:
    node, _, name = key.path.rpartition(".")
    target = targets.get(node) or NODES.get(node, "")
    if not node and not file.group:
        target = ROOTS[file.name]
    argument = arguments_of(target).get(name)
    said = key.comment or elsewhere.get(key.path) or _constructor_says(target, name)
    return Option(key.path, key.value, words(argument.annotation, argument.home) if argument else "", said)


def _left_to(
    file: ConfigFile, node: str, target: str, written: set[str], elsewhere: Mapping[str, str]
) -> Iterator[Option]:
    """Yield the arguments that have defaults in the constructor and stand in no file."""
    for name, argument in arguments_of(target).items():
        path = f"{node}.{name}".strip(".")
        is_group = (CONF / path.replace(".", "/")).is_dir()
        if path in written or argument.default is None or is_group or _type_name(argument) == BY_SUITE:
            continue
        said = file.further.get(name) or _constructor_says(target, name) or elsewhere.get(path, "")
        yield Option(path, _shown(argument), words(argument.annotation, argument.home), said, added=True)


def _constructor_says(target: str, name: str) -> str:
    if not target or find_class(target) is None:
        return ""
    return _beside(target, name) or mention(target, name)


def _beside(target: str, name: str) -> str:
    """Return the comment beside an argument or a field."""
    argument = arguments_of(target).get(name)
    if argument is None or argument.annotation is None:
        return ""
    end = argument.default or argument.annotation
    line = argument.home.text.splitlines()[(end.end_lineno or 1) - 1]
    comments = [each.strip() for each in line.split("  # ")[1:]]
    return next((each for each in comments if not each.startswith(("noqa", "type:"))), "") if len(comments) == 1 else ""


def _type_name(argument: Argument) -> str:
    return getattr(argument.annotation, "id", "")


def _shown(argument: Argument) -> str:
    """Write a default as one would give it on the command line."""
    assert argument.default is not None
    try:
        return _as_given(argument.home.value(argument.default))
    except ValueError:
        return ""


def _as_given(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_given, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
