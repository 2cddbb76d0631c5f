"""Published numbers of an experiment, each with the conditions that it was measured under."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastfcn.reading import read_yaml

NAME = "published.yaml"

Percent = Annotated[float, Field(gt=0, le=100)]


class Scores(BaseModel):
    """One row's numbers as they are printed: percent, and images a second.

    `final` is the score of ADE20K's test server, (pixAcc + mIoU) / 2.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    miou: Percent | None = None
    pixacc: Percent | None = None
    final: Percent | None = None
    fps: Annotated[float, Field(gt=0)] | None = None


class Setting(BaseModel):
    """A part of a published table that was measured in one way; `rows` are named as in the experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    split: str
    protocol: str
    backbone: str
    source: str
    rows: dict[str, Scores] = Field(min_length=1)

    def __str__(self) -> str:
        """Say where and how the numbers were measured."""
        return f"{self.dataset} {self.split}, {self.protocol}, {self.backbone}"


class Published(BaseModel):
    """The file published.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: tuple[Setting, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row with a published number, in the file's order."""
        return tuple(dict.fromkeys(row for setting in self.settings for row in setting.rows))


@dataclass(frozen=True)
class Conditions:
    """How a row of ours was measured."""

    dataset: str
    split: str
    protocol: str
    backbone: str

    def differences(self, setting: Setting) -> tuple[str, ...]:
        """Name what keeps our number and the published one from being compared."""
        return tuple(
            f"{name} {getattr(setting, name)}, not {getattr(self, name)}"
            for name in ("dataset", "split", "protocol", "backbone")
            if getattr(setting, name) != getattr(self, name)
        )


@dataclass(frozen=True)
class Reference:
    """The published numbers nearest to a row of ours, and why they are not comparable, if so."""

    setting: Setting
    scores: Scores
    differences: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether a difference of the two numbers means anything."""
        return not self.differences


def nearest(published: Published, row: str, conditions: Conditions) -> Reference | None:
    """Choose the published numbers of `row` with the fewest differing conditions; None where nothing is published."""
    found = [
        Reference(setting, setting.rows[row], conditions.differences(setting))
        for setting in published.settings
        if row in setting.rows
    ]
    return min(found, key=lambda reference: len(reference.differences), default=None)


def read_published(folder: Path) -> Published:
    """Read published.yaml of an experiment; without one, nothing is published. Raises ValueError if it is damaged."""
    path = folder / NAME
    if not path.exists():
        return Published()
    try:
        return Published.model_validate(read_yaml(path) or {})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
