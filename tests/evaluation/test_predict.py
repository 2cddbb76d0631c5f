"""What predict.py does with images that are damaged, too large, of extreme shapes, or no images at all."""

import io
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.data import bands
from fastfcn.evaluation import predict as prediction
from fastfcn.evaluation.inputs import find_images, require_apart
from fastfcn.evaluation.protocols import FullImage
from fastfcn.evaluation.submission import ADE20KSubmission
from fastfcn.models.inference import FastSegmenter
from fastfcn.prediction import session
from tests.conftest import TINY_MODEL
from tests.evaluation.test_sliding import protocol
from tests.models.test_segmenter import options

EXTREME = [(1, 1), (31, 33), (1, 500), (500, 1), (2, 1700)]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four images, of which b.jpg is cut off and c.png is empty."""
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.jpg", "d.png"):
        Image.fromarray(pixels).save(folder / name)
    (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:700])
    (folder / "c.png").touch()
    return folder


@pytest.fixture
def predict(trained: Path, images: Path, tmp_path: Path, script, capfd: pytest.CaptureFixture[str]):
    """Predict `images` into out/; return what was said, of which an error is the last line."""

    def call(*more: str, source: Path = images, code: int = 0) -> str:
        arguments = (f"checkpoint={trained}/checkpoints/best.ckpt", f"images={source}", f"output={tmp_path}/out", *more)
        with pytest.raises(SystemExit) if code else nullcontext() as exit_info:
            script("predict", *arguments)
        assert code == 0 or exit_info.value.code == code
        captured = capfd.readouterr()
        return captured.err if code else captured.out

    return call


def predicted(tmp_path: Path) -> list[str]:
    assert {path.stem for path in (tmp_path / "out" / "overlays").iterdir()} == {
        path.stem for path in (tmp_path / "out" / "masks").iterdir()
    }
    return sorted(path.name for path in (tmp_path / "out" / "masks").iterdir())


def test_damaged_images_are_named_at_the_end(predict, images: Path, tmp_path: Path) -> None:
    *named, error = predict(code=1).splitlines()
    assert [line.partition(": ")[0] for line in named] == [f"{images}/b.jpg", f"{images}/c.png"]
    assert error.startswith("error: 2 of 4 images could not be predicted (named above); the other predictions are in")
    assert predicted(tmp_path) == ["a.png", "d.png"]


def test_damaged_images_leave_no_submission(
    predict, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        prediction, "open_submission", lambda _kind, output, _classes: ADE20KSubmission(output / "submission.zip")
    )
    for damaged in ("b.jpg", "c.png"):
        (images / damaged).rename(tmp_path / damaged)
    (images / "sub").mkdir()
    (images / "d.png").rename(images / "sub" / "d.png")
    predict("submission=ade20k")
    with zipfile.ZipFile(tmp_path / "out" / "submission.zip") as archive:
        assert archive.namelist() == ["a.png", "sub/d.png"]
        labels = np.array(Image.open(archive.open("sub/d.png")))
    np.testing.assert_array_equal(labels, np.array(Image.open(tmp_path / "out" / "masks" / "sub" / "d.png")) + 1)
    (tmp_path / "c.png").rename(images / "c.png")
    assert "and no submission.zip" in predict("submission=ade20k", code=1)
    left = [path for path in (tmp_path / "out").iterdir() if path.suffix == ".zip"]
    assert left == [], "neither a part nor that of the earlier run"


def test_an_image_too_large_for_memory_does_not_end_the_others(
    predict, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bands.read_image

    def huge(path: Path, **options: bool) -> np.ndarray:
        if path.name != "a.jpg":
            return read(path, **options)
        return np.lib.stride_tricks.as_strided(np.zeros(3, np.uint8), (10**7, 10**7, 3), (0, 0, 1))

    monkeypatch.setattr(bands, "read_image", huge)
    said = predict(code=1)
    assert f"{images}/a.jpg: out of memory" in said
    assert "protocol=single_scale goes over a large image in windows" in said
    assert predicted(tmp_path) == ["d.png"]


def test_other_faults_end_at_once(predict, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of the code")

    monkeypatch.setattr(session, "segment", broken)
    with pytest.raises(ZeroDivisionError):
        predict()


@pytest.mark.parametrize(("source", "output"), [("a", "a"), ("a", "a/out"), ("out/overlays", "out"), ("a", "a/../a/b")])
def test_folders_in_one_another_are_refused(source: str, output: str, tmp_path: Path) -> None:
    (tmp_path / source).mkdir(parents=True)
    with pytest.raises(ValueError, match="give output= a folder of its own"):
        require_apart(tmp_path / source, tmp_path / output)


def test_a_folder_is_not_written_into(predict, images: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(images)
    before = sorted(path.name for path in images.iterdir())
    assert "lie in one another" in predict(code=1)
    assert sorted(path.name for path in images.iterdir()) == before


def test_a_single_image_may_lie_beside_its_prediction(images: Path, tmp_path: Path) -> None:
    require_apart(images / "a.jpg", images)
    require_apart(images, tmp_path / "images2")
    for place in ("masks/a.png", "overlays/a.jpg", "legend.png"):
        path = tmp_path / "out" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with pytest.raises(ValueError, match="a folder of its own"):
            require_apart(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "*.jpg",
            "is a pattern, and no file of that name is here; images= takes one image or a folder of",
        ),
        ("table.csv", "is a table, not an image; images= takes one image"),
        ("nothing.txt", "nothing.txt lists nothing to predict"),
        ("a.yaml", "a.yaml holds no list but dict; write"),
        ("no/such", r"is not here \(.* is\); images= takes one image or a folder"),
        ("https://example.org/a.jpg", "images=https://example.org/a.jpg is an address; .* download it first"),
        ("[a.jpg,[b.jpg]]", "images= lists list where a path is expected"),
        ("empty", r"holds no images \(.jpg, .*\)$"),
    ],
)
def test_what_is_no_image_gets_a_hint(name: str, hint: str, tmp_path: Path) -> None:
    for file, content in {"table.csv": "a.jpg", "nothing.txt": "\n", "a.yaml": "a: b.jpg"}.items():
        (tmp_path / file).write_text(content)
    (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match=hint):
        find_images(Path(name) if name.startswith(("https", "[")) else tmp_path / name)


@pytest.mark.parametrize("kind", ["folder", "pattern", "list", "yaml", "stdin", "[]"])
def test_ways_to_name_images(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b c,d.png", "below/a.png", "below/deep/e.jpg", "notes.md", ".hidden/f.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    wanted = ["a", "b c,d", "below/a", "below/deep/e"]
    paths = [tmp_path / f"{name}.{'jpg' if name.endswith('e') else 'png'}" for name in wanted]
    (tmp_path / "list.txt").write_text("".join(f"{path.relative_to(tmp_path)}\n" for path in paths))
    (tmp_path / "list.yaml").write_text("".join(f"- {path}\n" for path in paths))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(map(str, paths)).encode())))
    found = find_images(
        {
            "folder": str(tmp_path),
            "pattern": f"{tmp_path}/**/*.*g",
            "list": str(tmp_path / "list.txt"),
            "yaml": str(tmp_path / "list.yaml"),
            "stdin": "-",
            "[]": f"[{', '.join(map(repr, map(str, paths)))}]",
        }[kind]
    )
    assert sorted(source.name for source in found) == wanted
    assert sorted(source.path for source in found) == sorted(paths)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("x/a.png", "x/a.jpg", "y/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"x/a.(jpg|png) and x/a.(png|jpg) would both become x/a.png; rename one"):
        find_images(tmp_path)


@pytest.mark.parametrize("head", options("model/head"))
def test_extreme_shapes(head: str, composed) -> None:
    """Every head, whole and in windows, on images of 1x1 to 1:1700, gives labels of their size."""
    narrow = ("+model.head.width=64",) if head in ("segformer", "upernet") else ()  # 512 channels take 20 s
    network = build_network(plain(composed(f"model/head={head}", *narrow, *TINY_MODEL).model), num_classes=5).eval()
    single = protocol(name="ss", base_size=64, crop_size=48, scales=(1.0,), flip=False)
    multiple = protocol(base_size=64, crop_size=48, scales=(0.5, 1.75))
    with torch.no_grad():
        for size in EXTREME:
            for way in (FullImage(), single, multiple):
                assert way.labels(network, torch.randn(1, 3, *size)).shape == (1, *size)


@pytest.mark.parametrize("head", ["encnet", "psp"])
def test_labels_are_the_argmax_of_the_scores(head: str, composed) -> None:
    config = composed(f"model/head={head}", "model.align_corners=false", *TINY_MODEL)
    network = build_network(plain(config.model), num_classes=37).eval()
    image = torch.randn(1, 3, 75, 131)
    with torch.no_grad():
        for model in (network, FastSegmenter(network, compile_after=None)):
            for way in (FullImage(), protocol(base_size=90, crop_size=48, scales=(0.5, 1.0))):
                assert torch.equal(way.labels(model, image), way.scores(model, image).argmax(1))
