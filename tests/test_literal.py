"""Paths and names on the command line are what they are, whatever Hydra's grammar makes of them."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fastfcn.literal import literal

HOSTILE = [
    "seed0,recipe.lr=0.02/best.ckpt", "a b", " a ", "a=b", "a,b", "bilder/käse.png", "天空/图.png", "e\u0301.png",
    "a(1).png", "x&y", "x#y", "[x]", "{a}", "a$b", "a\\b", "a\\", "a'b", 'a"b', "'", "~a/x", "a~", "01", "0",
    "-5", "1e5", "true", "a: b", "a\tb", "a\nb", "*.png", "a;b|c", "<a>", "`a`", "@a", "😀",
    "choice(a,b)", "C:\\x", "\\'", "a%20b", "nan",
]  # fmt: skip


def read(argument: str) -> object:
    return OverridesParser.create().parse_override(argument).value()


@pytest.mark.parametrize("key", ["checkpoint", "+data.root", "++hydra.run.dir", "split"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_path_or_a_name_is_read_as_it_stands(key: str, text: str) -> None:
    (quoted,) = literal([f"{key}={text}"])
    assert read(quoted) == text
    assert literal([quoted]) == [quoted], "a process that is started with these arguments reads the same"


@pytest.mark.parametrize("argument", ["resume=null", "init=", "data.root=???", "checkpoint='a,b'", 'init="a b"'])
def test_what_means_something_or_is_quoted_stays(argument: str) -> None:
    assert literal([argument]) == [argument]


@pytest.mark.parametrize(
    "argument", ["recipe.lr=1e-3", "model=psp_jpu", "data.classes=[sky,road]", "seed=0", "~model", "x"]
)
def test_other_options_stay_as_hydra_reads_them(argument: str) -> None:
    assert literal([argument]) == [argument]


def test_what_hydra_cannot_read_is_text() -> None:
    assert read(*literal(["logger.tag=Straße"])) == "Straße"
    assert read(*literal(["data.classes=[天空,Straße]"])) == ["天空", "Straße"]


def test_home_is_expanded_in_paths_alone() -> None:
    assert read(*literal(["data.root=~/camvid"])) == str(Path("~/camvid").expanduser())
    assert read(*literal(["split=~/camvid"])) == "~/camvid"


def test_lightning_quotes_the_folder_of_a_further_process_but_not_what_is_in_it() -> None:
    assert read(*literal(['hydra.run.dir="/runs/6" nails"'])) == '/runs/6" nails'


def test_in_a_sweep_commas_separate(tmp_path: Path) -> None:
    whole = tmp_path / "seed0,recipe.lr=0.02"
    whole.mkdir()
    assert literal(["-m", "data.root=/a b,/c=d,/e"])[1] == "data.root='/a b','/c=d',/e"
    assert literal(["-m", "data.root='/a,b',/c"])[1] == "data.root='/a,b',/c"
    assert literal(["-m", "split=0,1"])[1] == "split='0','1'"
    assert literal(["-m", "init=choice(a,b)"])[1] == "init=choice(a,b)"
    assert literal(["-m", f"init={whole}"])[1] == f"init='{whole}'"
    assert literal(["-m", "hydra.sweep.dir=a,b"])[1] == "hydra.sweep.dir='a,b'"
