"""The installed command: what a wheel holds, and that it runs without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from fastfcn import command, installation
from fastfcn.installation import command_name, how_to_call, install_extra
from tests.conftest import TINY_RUN

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "src").glob("*.py"))
HEAVY = {"torch", "hydra", "omegaconf", "numpy", "lightning"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which a wheel is packed."""
    pytest.importorskip("setuptools", "77")
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", folder, "build_py", "--build-lib", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder


def files_below(folder: Path, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern)}


def test_a_wheel_holds_what_lies_beside_the_package(built: Path) -> None:
    package = built / "fastfcn"
    for folder, inside, pattern in (
        ("conf", "conf", "**/*.yaml"),
        ("src", "scripts", "*.py"),
        ("experiments", "experiments", "*/*.yaml"),
        ("src/fastfcn", "", "**/*.*"),
    ):
        expected = files_below(ROOT / folder, pattern)
        expected = {name: text for name, text in expected.items() if "__pycache__" not in name}
        assert len(expected) > 5
        found = files_below(package / inside, pattern)
        assert {name: found.get(name) for name in expected} == expected
    assert (built / "hydra_plugins/fastfcn_launchers.py").is_file()
    assert not list(package.rglob("result.json"))


def test_help_is_quick_and_lists_every_script(built: Path) -> None:
    """As installed, away from the checkout, and without importing what takes seconds."""
    code = (
        "import sys; from fastfcn.command import main; main(['--help']); from fastfcn import installation as here; "
        f"print(sorted({HEAVY} & set(sys.modules)), here.CONF, "
        "here.how_to_call('prepare_data'), here.install_extra('x'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(built)}
    run = subprocess.run([sys.executable, "-c", code], cwd=built, env=environment, capture_output=True, text=True,
                         timeout=60, check=True)  # fmt: skip
    *lines, last = run.stdout.splitlines()
    listed = {line.split()[0]: line for line in lines if line.startswith("  ") and "COMMAND" not in line}
    assert list(listed) == [command_name(script) for script in SCRIPTS]
    assert listed["prepare-data"].endswith("fastfcn prepare-data data=ade20k data.root=PATH [verify=true].")
    assert last == f"[] {built}/fastfcn/conf fastfcn prepare-data pip install 'fastfcn[x]'"


def test_in_a_checkout_commands_are_scripts() -> None:
    assert not installation.IN_WHEEL
    assert how_to_call("prepare_data") == "python src/prepare_data.py"
    assert install_extra("x") == "pip install -c constraints.txt -e '.[x]'"


@pytest.mark.parametrize("word", ["prepare-data", "prepare_data"])
def test_a_command_becomes_its_script(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(command.os, "execv", lambda program, arguments: called.append([program, *arguments]))
    command.main([word, "data=voc", "data.root=a b"])
    script = str(ROOT / "src" / "prepare_data.py")
    assert called == [[sys.executable, sys.executable, script, "data=voc", "data.root=a b"]]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "evalute",
            "evalute is no command of fastfcn; did you mean evaluate? There are benchmark, calibrate, ",
        ),
        ("seed=1", "seed=1 is no command of fastfcn; There are benchmark, calibrate, dashboard, "),
        ("../train", "../train is no command of fastfcn; "),
    ],
)
def test_an_unknown_command_is_one_line(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        command.main([word, "checkpoint=x"])
    assert exit_info.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}")
    assert said.count("\n") == 1


def installed(folder: Path) -> Path:
    """Build a wheel of this checkout, and install it alone into a new environment that lends the packages of this."""
    source, wheels, place = folder / "source", folder / "wheels", folder / "venv"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (wheel,) = wheels.glob("*.whl")
    assert "fastfcn/conf/train.yaml" in zipfile.ZipFile(wheel).namelist()
    subprocess.run([*pip, "--python", place / "bin/python", "install", "--no-deps", "--no-index", wheel], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    return place / "bin" / "fastfcn"


@pytest.mark.slow  # pip, and eleven processes that import PyTorch
def test_a_wheel_trains_sweeps_predicts_and_exports_in_an_environment_of_its_own(tmp_path: Path) -> None:
    program = installed(tmp_path)
    away = tmp_path / "away"
    away.mkdir()
    hidden = {"PYTHONPATH", "OMP_NUM_THREADS"}
    environment = {**{name: value for name, value in os.environ.items() if name not in hidden}, "OMP_NUM_THREADS": "1"}

    def call(*arguments: str, code: int = 0) -> str:
        run = subprocess.run([program, *arguments], cwd=away, env=environment, capture_output=True, text=True,
                             timeout=900, check=False)  # fmt: skip
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout + run.stderr

    call("train", *TINY_RUN, "recipe.epochs=1", "data.train_images=8", "hydra.run.dir=run")
    Image.new("RGB", (40, 30)).save(away / "image.png")
    call("predict", "checkpoint=run/checkpoints/best.ckpt", "images=image.png", "output=predictions")
    assert Image.open(away / "predictions/masks/image.png").size == (40, 30)
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    call("export", "checkpoint=run/checkpoints/best.ckpt", "output=net.onnx", "compare=1", "rounds=0")
    assert {path.name for path in away.glob("net.*")} == {
        "net.onnx",
        "net.onnx.certificate.json",
        "net.onnx.certificate.md",
    }
    certificate = "certificate=net.onnx.certificate.json"
    call("hub", "push", "checkpoint=run/checkpoints/best.ckpt", "repo=a/b", certificate, "output=pushed")
    assert "pixels are given the same class" in (away / "pushed/README.md").read_text()
    processes = ("trainer=ddp", "devices=2", "trainer.accelerator=cpu", "recipe.batch_size=2")
    call("train", "-m", "experiment=upsampling", "row=jpu", "seed=0", *TINY_RUN, "recipe.epochs=1", *processes)
    job = away / "outputs/sweeps/upsampling/shapes/jpu/seed0"
    assert "2 processes" in (job / "job.log").read_text()
    assert (job / "result.json").is_file()
    assert "outputs/report/upsampling/index.html" in call("report", "upsampling")
    assert "experiment=upsamplin is no table" in call("train", "experiment=upsamplin", code=1)
