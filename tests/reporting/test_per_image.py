"""per_image.npz: what is written comes back, and a file from anyone is refused in one line."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastfcn.reporting.per_image import NAME, PerImage, read_per_image, write_per_image
from tests.attack.limits import within_limits

CLASSES = 5
SURROGATE = "caf\udce9"  # of a file's name that is no UTF-8


def confusions(images: int, *, classes: int = CLASSES, seed: int = 0) -> np.ndarray:
    """Confusions (N, C, C) most of whose cells are empty, and the second image without a pixel."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 1000, (images, classes, classes)) * (rng.random((images, classes, classes)) < 0.3)
    dense[1:2] = 0
    return dense


def per_image(dense: np.ndarray, names: list[str] | None = None) -> PerImage:
    """Keep dense confusions (N, C, C) as they are kept of a split."""
    flat = dense.reshape(len(dense), dense.shape[1] ** 2)
    cells = [np.stack((each.nonzero()[0], each[each > 0])) for each in flat]
    return PerImage.of(names or [f"val_{index}" for index in range(len(dense))], cells, dense.shape[1])


@pytest.mark.parametrize("images", [0, 1, 7])
def test_what_is_written_comes_back(images: int, tmp_path: Path) -> None:
    dense = confusions(images)
    names = [f"{SURROGATE}{index}" for index in range(images)]
    write_per_image(tmp_path / NAME, per_image(dense, names))
    found = read_per_image(tmp_path / NAME, CLASSES)
    assert found.names == tuple(names)
    np.testing.assert_array_equal(found.confusion, dense.sum(0))
    counts = found.counts()
    np.testing.assert_array_equal(counts.correct, dense.diagonal(axis1=1, axis2=2))
    np.testing.assert_array_equal(counts.truth, dense.sum(2))
    np.testing.assert_array_equal(counts.predicted, dense.sum(1))


def test_plain_numpy_reads_it_and_equal_images_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_per_image(tmp_path / name, per_image(confusions(3)))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["names"].tolist() == ["val_0", "val_1", "val_2"]
        assert arrays["count"].sum() == confusions(3).sum()


def sound() -> dict[str, np.ndarray]:
    """The arrays of two images."""
    return {
        "names": np.array(["a", "b"]),
        "lengths": np.array([2, 1], "<u4"),
        "target": np.array([0, 3, 1], "u1"),
        "prediction": np.array([0, 4, 1], "u1"),
        "count": np.array([9, 1, 4], "<u4"),
    }


def changed(**changes: np.ndarray) -> bytes:
    """An archive of sound arrays but for some."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**sound(), **changes})
    return buffer.getvalue()


def zipped(compression: int = zipfile.ZIP_DEFLATED, **changes: bytes) -> bytes:
    """An archive of arrays given as bytes, of which those not named are sound."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, array in sound().items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", changes.get(name, content.getvalue()))
    return buffer.getvalue()


def array(kind: str, shape: str, content: bytes = b"") -> bytes:
    """An array whose header may claim anything."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


class Code:
    """What would run if it were unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/unpickled",)


HOSTILE = {
    "nothing": (b"", "not a zip file"),
    "text": (b"PK" + b"x" * 1000, "not a zip file"),
    "half a file": (changed()[:-40], "not a zip file"),
    "damaged bytes": (changed()[:70] + b"\xff" * 9 + changed()[79:], None),
    "a pickle": (changed(names=np.array([Code()], object)), "names holds |O"),
    "another array": (changed(more=np.zeros(1)), "other arrays than"),
    "a million entries": (b"PK\x01\x02" * 1_000_000, "an archive of other things"),
    "90 GB said, none there": (zipped(count=array("'<u4'", "(999999999,)")), "count is not as long as it says"),
    "a dimension of 30 digits": (zipped(count=array("'<u4'", f"({'9' * 30},)")), "no array of one dimension"),
    "a header that is code": (zipped(count=array("__import__('os')", "(3,)")), "no array of one dimension"),
    "a header 10,000 deep": (zipped(count=array("(" * 10_000, "(3,)")), "no array of one dimension"),
    "a bomb": (zipped(count=array("'<u4'", "(30000000,)", bytes(120_000_000))), "count is larger than 100 MB"),
    "another packing": (zipped(zipfile.ZIP_LZMA), "packed in another way"),
    "floats": (changed(count=np.ones(3)), "count holds <f8"),
    "two dimensions": (changed(count=np.ones((3, 1), "<u4")), "no array of one dimension"),
    "a name without end": (zipped(names=array("'<U9999999'", "(1,)")), "names holds <U9999999"),
    "names that are none": (zipped(names=array("'<U1'", "(2,)", b"\xff" * 8)), "names that are no text"),
    "a class too many": (changed(target=np.array([0, 3, 5], "u1")), "a class beyond the 5"),
    "a predicted class too many": (changed(prediction=np.array([0, 4, 200], "u1")), "a class beyond the 5"),
    "a cell twice": (changed(target=np.array([0, 0, 1], "u1"), prediction=np.array([1, 1, 1], "u1")), "stands twice"),
    "a cell of no pixel": (changed(count=np.array([9, 0, 4], "<u4")), "a cell without pixels"),
    "fewer triples": (changed(count=np.array([9, 4], "<u4")), "do not fit"),
    "more images": (changed(lengths=np.array([2, 1, 0], "<u4")), "do not fit"),
    "lengths that overflow": (changed(lengths=np.array([2**32 - 1, 4], "<u4")), "do not fit"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_from_anyone_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[case]
    (tmp_path / NAME).write_bytes(content)
    with within_limits(), pytest.raises(ValueError, match="is damaged: ") as refused:
        read_per_image(tmp_path / NAME, CLASSES)
    assert reason is None or reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_sound_file_of_these_is_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(changed())
    assert read_per_image(tmp_path / NAME, CLASSES).confusion.sum() == 14


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / NAME)
    with pytest.raises((ValueError, OSError), match="is no regular file"):
        read_per_image(tmp_path / NAME, CLASSES)
