"""The configuration's files as they are written: keys in their order, with the comment beside each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from making.sources import ROOT

CONF = ROOT / "conf"
SPECIAL = ("_target_", "_partial_")
GLOBAL = "@package _global_"


@dataclass(frozen=True)
class Key:
    """A key with a value of its own: its path from the root of the configuration, value and comment as written."""

    path: str
    value: str
    comment: str


@dataclass(frozen=True)
class Choice:
    """An entry of a defaults list: a group, what is chosen of it there, and the comment."""

    group: str
    name: str
    comment: str


@dataclass(frozen=True)
class ConfigFile:
    """One file of conf/, read with its comments."""

    path: Path
    lines: list[str] = field(repr=False)
    root: yaml.MappingNode | None = field(repr=False)

    @property
    def name(self) -> str:
        """Its path below conf/ without the ending: `train`, `model/head/encnet`."""
        return self.path.relative_to(CONF).with_suffix("").as_posix()

    @property
    def group(self) -> str:
        """The group that it is a choice of; nothing for the root of a script."""
        return self.name.rpartition("/")[0]

    @property
    def package(self) -> str:
        """Where its keys lie in the configuration."""
        return "" if any(GLOBAL in line for line in self.lines) else self.group.replace("/", ".")

    @cached_property
    def introduction(self) -> list[str]:
        """Its first lines, as far as they are comments."""
        said = []
        for line in self.lines:
            if not line.startswith("# "):
                break
            said += [] if "@package" in line else [line.removeprefix("# ")]
        return said

    @cached_property
    def keys(self) -> list[Key]:
        """Its keys with values of their own, `defaults` apart."""
        return list(self._keys(self.root, self.package))

    @cached_property
    def targets(self) -> dict[str, str]:
        """The classes that it names, by the path of their node."""
        return dict(self._targets(self.root, self.package))

    @cached_property
    def partial(self) -> set[str]:
        """The paths of nodes to which the suite adds arguments."""
        return {path for path, node in self._nodes(self.root, self.package) if "_partial_" in dict(_pairs(node))}

    @cached_property
    def further(self) -> dict[str, str]:
        """What comments of the form `# +KEY: MEANING` say of options that the file leaves to the constructor."""
        return dict(re.findall(r"^\s*# \+([\w.]+): (.+)$", "\n".join(self.lines), re.MULTILINE))

    @cached_property
    def choices(self) -> list[Choice]:
        """The groups of its defaults list, in this suite's conf/ or made of its tables."""
        entries = dict(_pairs(self.root)).get("defaults")
        return list(self._choices(entries)) if isinstance(entries, yaml.SequenceNode) else []

    @cached_property
    def bases(self) -> list[str]:
        """The files of the same group that it begins from."""
        entries = dict(_pairs(self.root)).get("defaults")
        items = entries.value if isinstance(entries, yaml.SequenceNode) else []
        names = [item.value for item in items if isinstance(item, yaml.ScalarNode) and item.value != "_self_"]
        return [f"{self.group}/{name}" if self.group else name for name in names]

    def _keys(self, node: yaml.Node | None, path: str) -> Iterator[Key]:
        for name, value in _pairs(node):
            place = f"{path}.{name}" if path else name
            if name in SPECIAL or (name == "defaults" and node is self.root):
                continue
            if isinstance(value, yaml.MappingNode) and not value.flow_style:
                yield from self._keys(value, place)
            else:
                yield Key(place, _written(value), self._comment(value))

    def _nodes(self, node: yaml.Node | None, path: str) -> Iterator[tuple[str, yaml.MappingNode]]:
        if isinstance(node, yaml.MappingNode):
            yield path, node
            for name, value in _pairs(node):
                yield from self._nodes(value, f"{path}.{name}" if path else name)

    def _targets(self, root: yaml.Node | None, package: str) -> Iterator[tuple[str, str]]:
        for path, node in self._nodes(root, package):
            target = dict(_pairs(node)).get("_target_")
            if isinstance(target, yaml.ScalarNode) and target.value != "null":
                yield path, target.value

    def _choices(self, entries: yaml.SequenceNode) -> Iterator[Choice]:
        for entry in entries.value:
            for name, value in _pairs(entry):
                group = name.removeprefix("override ")
                if group.startswith("hydra/") and not (CONF / group).is_dir():  # Hydra's own, of its logs
                    continue
                yield Choice(f"{self.group}/{group}".strip("/"), _written(value), self._comment(value))

    def _comment(self, node: yaml.Node) -> str:
        """Return the comment behind a value, on the line of its key where it has several lines."""
        end = node.end_mark if node.start_mark.line == node.end_mark.line else None
        if end is None:
            return ""
        _, mark, comment = self.lines[end.line][end.column :].partition("# ")
        return comment.strip() if mark else ""


def read_file(name: str) -> ConfigFile:
    """Read a file of conf/ by its name there."""
    path = CONF / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return ConfigFile(path, text.splitlines(), root if isinstance(root, yaml.MappingNode) else None)


def all_files() -> list[ConfigFile]:
    """Read all files, the roots of scripts first and train.yaml before all, for it says the most."""
    names = [path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.rglob("*.yaml")]
    return [read_file(name) for name in sorted(names, key=lambda name: (name != "train", "/" in name, name))]


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        yield key.value, value


def _written(node: yaml.Node) -> str:
    """Return a value on one line, as one would give it on the command line."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    content: Any = yaml.SafeLoader("").construct_object(node, deep=True)
    text: str = yaml.safe_dump(content, default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip()
