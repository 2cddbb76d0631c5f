"""The entry script."""

import subprocess
import sys
from pathlib import Path

import pytest

import report as script
from tests.reporting.comparison.synthetic import write_experiment, write_results, write_run

SRC = Path(script.__file__).parent


def test_the_default_folders_are_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_experiment(Path("experiments"))
    write_results(folder / "results")
    write_run(Path("outputs/sweeps/upsampling/shapes"), "dilated")
    (folder / "results" / "result.json").write_text("{")
    script.main([str(folder)])
    shown = capsys.readouterr()
    assert shown.err.startswith("left out: experiments/upsampling/results/result.json: damaged, Invalid JSON")
    assert sorted(path.name for path in (folder / "report").iterdir()) == ["index.html", "results.csv", "results.md"]
    assert len((folder / "report" / "results.csv").read_text().splitlines()) == 1 + 7
    assert str(tmp_path) not in (folder / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiments/upsamplin"], "error: experiments/upsamplin is no folder; experiments beside it: upsampling\n"),
        (["experiment=upsampling"], "error: report.py has no option experiment=upsampling; it has output=, pictures="),
        (
            ["experiments/upsampling", "--than", "jpu"],
            "error: report.py has no option --than; did you mean than? ",
        ),
        (["than=jpu"], "error: report.py takes an experiment first, such as experiments/upsampling, or claims"),
        (["experiments/upsampling", "margin=one"], "error: margin must be a number of points, got one"),
        (["experiments/upsampling", "nowhere"], "error: nowhere is no folder of results; name the folder that"),
        (
            ["experiments/upsampling", "filled", "pictures=camvit"],
            "error: pictures=camvit: no result is of that data; there are shapes",
        ),
        (
            ["experiments/upsampling", "margin=-1"],
            "error: margin must be more than 0 and at most 100 points, got",
        ),
        (["empty"], "error: empty is no experiment: it has no sweep.yaml, no published.yaml and no results"),
    ],
)
def test_mistakes_end_with_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_experiment(Path("experiments"))
    Path("empty").mkdir()
    write_run(Path("filled"))
    with pytest.raises(SystemExit) as exit_info:
        script.main(arguments)
    assert exit_info.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_without_results_it_says_how_to_get_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.main([str(write_experiment(tmp_path))])
    assert "no results yet; run python src/train.py -m experiment=upsampling" in capsys.readouterr().err


def test_a_name_is_an_experiment_of_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script.main(["ade20k"])
    assert "experiment=ade20k" in (tmp_path / "outputs/report/ade20k/results.md").read_text() + capsys.readouterr().err


def test_it_needs_no_torch(tmp_path: Path) -> None:
    """Which would take seconds to import."""
    folder = write_experiment(tmp_path)
    write_results(folder / "results")
    code = "import sys, report; report.main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=SRC, check=True, timeout=60)
