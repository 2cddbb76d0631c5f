"""Image files as people have them."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.images import list_images, orientation, read_image, read_indices


def test_greyscale_palette_and_alpha_become_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20)
    for name, image in {"grey": grey, "alpha": grey.convert("RGBA"), "palette": grey.convert("P")}.items():
        image.save(tmp_path / f"{name}.png")
        pixels = read_image(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(pixels, np.repeat(np.array(grey)[..., None], 3, 2))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 0], np.arange(256).reshape(16, 16))


def test_pixels_of_unknown_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ValueError, match=r"float.tiff has F pixels, whose range is unknown"):
        read_image(tmp_path / "float.tiff")


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned by 90 degrees
    Image.new("RGB", (40, 20)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_image(tmp_path / "photo.jpg").shape == (40, 20, 3)
    assert read_image(tmp_path / "photo.jpg", upright=False).shape == (20, 40, 3)


def test_colour_masks_are_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4)).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match="is RGBA, not class indices"):
        read_indices(tmp_path / "mask.png")


def test_listing_takes_images_alone_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.jpg", "b.PNG"]


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}, {"quality": 20}])
def test_jpegs_have_the_pixels_that_pillow_reads(tmp_path: Path, options: dict) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (9, 13, 3), dtype=np.uint8)).resize((131, 97))
    for name, image in {"rgb": picture, "grey": picture.convert("L"), "cmyk": picture.convert("CMYK")}.items():
        path = tmp_path / f"{name}.jpg"
        image.save(path, **options)
        np.testing.assert_array_equal(read_image(path), np.array(Image.open(path).convert("RGB")))


def test_a_jpeg_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    Image.effect_noise((64, 64), 50).convert("RGB").save(path)
    content = path.read_bytes()
    for kept in (len(content) - 10, len(content) // 2, 100):
        path.write_bytes(content[:kept])
        with pytest.raises(ValueError, match=r"cut.jpg cannot be read as an image: .*[Tt]runcated"):
            read_image(path)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["tiff", "png", "webp"])
def test_every_orientation_and_none(tmp_path: Path, turn: int, kind: str) -> None:
    stored = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / f"a.{kind}"
    Image.fromarray(stored).convert("RGB").save(path, exif=exif, **({"lossless": True} if kind == "webp" else {}))
    seen = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.T, 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T, 8: np.rot90(stored),
    }[turn]  # fmt: skip
    np.testing.assert_array_equal(read_image(path)[..., 1], seen)
    np.testing.assert_array_equal(read_image(path, upright=False)[..., 1], stored)
    assert orientation(path) == turn


def grey_png(width: int, height: int, bits: int, rows: bytes) -> bytes:
    """A greyscale PNG of that depth, or one that promises it; Pillow writes none of less than 8 bits."""
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = (b"IHDR" + head, b"IDAT" + zlib.compress(rows), b"IEND")
    parts = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of a PNG, each a byte for its filter and a whole number of bytes."""
    texts = ["".join(f"{value:0{bits}b}" for value in row) for row in values.tolist()]
    return b"".join(b"\0" + int(text, 2).to_bytes(len(text) // 8, "big") for text in texts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_masks_of_few_bits_are_read_as_indices(tmp_path: Path, bits: int) -> None:
    values = np.arange(40).reshape(5, 8) % 2**bits
    (tmp_path / "a.png").write_bytes(grey_png(8, 5, bits, packed(values, bits)))
    np.testing.assert_array_equal(read_indices(tmp_path / "a.png"), values)
    assert read_indices(tmp_path / "a.png").dtype == np.uint8


def saved(path: Path, picture: Image.Image, **options) -> Path:
    picture.save(path, **options)
    return path


INDICES = np.arange(200, dtype=np.uint8).reshape(10, 20) % 3


def palette_with_alpha() -> Image.Image:
    picture = Image.fromarray(INDICES).convert("P")
    picture.putdata(INDICES.flatten().tolist())
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0] + [0] * 759)
    picture.info["transparency"] = 0
    return picture


@pytest.mark.parametrize(
    ("name", "picture", "options"),
    [
        ("16.png", Image.fromarray(INDICES.astype(np.uint16)), {}),
        ("16.tif", Image.fromarray(INDICES.astype(np.uint16)), {"compression": "tiff_deflate"}),
        ("32.tif", Image.fromarray(INDICES.astype(np.int32)), {}),
        ("palette.png", palette_with_alpha(), {"transparency": 0}),
        ("palette.bmp", Image.fromarray(INDICES), {}),
        ("bit.png", Image.fromarray(INDICES == 1), {}),
    ],
)
def test_masks_of_many_kinds(tmp_path: Path, name: str, picture: Image.Image, options: dict) -> None:
    expected = INDICES == 1 if picture.mode == "1" else INDICES
    np.testing.assert_array_equal(read_indices(saved(tmp_path / name, picture, **options)), expected)


GREY = Image.fromarray(INDICES)


@pytest.mark.parametrize(
    ("name", "picture", "options", "message"),
    [
        (
            "a.jpg",
            GREY,
            {},
            "a.jpg is a JPEG, which does not keep values; save it as an 8-bit grey",
        ),
        ("a.png", GREY.convert("RGB"), {}, "a.png is RGB, not class indices"),
        ("a.png", GREY.convert("LA"), {}, "a.png is LA, not class indices"),
        (
            "a.tif",
            Image.fromarray(INDICES.astype(np.float32)),
            {},
            "a.tif is floating-point numbers, not",
        ),
        ("a.tif", GREY, {"compression": "jpeg"}, "a.tif is a JPEG, which does not keep values"),
        ("a.tif", GREY, {"save_all": True, "append_images": [GREY, GREY]}, "cannot be read: it holds 3 pictures; save"),
        ("a.gif", GREY, {"save_all": True, "append_images": [Image.new("L", (20, 10), 9)]}, "it holds 2 pictures"),
        ("a.webp", GREY, {}, "a.webp is RGB, not class indices"),
    ],
)
def test_masks_that_are_no_indices_say_what_they_are(tmp_path: Path, name, picture, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_indices(saved(tmp_path / name, picture, **options))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_images_of_every_mode(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray((INDICES * 127).astype(np.uint8))
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture = Image.fromarray((INDICES * 127).astype(np.uint16) << 8) if mode == "I;16" else grey.convert(mode)
    picture.save(path)
    expected = np.array(picture.convert("RGB")) if mode != "I;16" else np.array(grey.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("read", [read_image, read_indices])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, read) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    GREY.resize((400, 400)).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "huge.png").write_bytes(grey_png(20_000, 20_000, 8, bytes(1000)))
    for name, reason in {
        "empty.png": "it is empty",
        "text.png": "its kind is not known",
        "cut.png": "truncated",
        "folder.png": "Is a directory",
        "huge.png": "it has more than 178 million pixels; cut it into tiles",
    }.items():
        with pytest.raises(ValueError, match=rf"{name} cannot be read.*: .*{reason}"):
            read(tmp_path / name)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["png", "tif", "bmp", "webp", "jpg"])
def test_a_damaged_file_is_read_or_named(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / f"a.{kind}"
    noise = Image.fromarray(rng.integers(0, 255, (24, 32), dtype=np.uint8))
    noise.save(path, **({} if kind == "bmp" else {"exif": exif}))
    whole = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 300), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        for read in (read_image, read_indices, orientation):
            assert str(path) in reason_of(read, path)


def reason_of(read, path: Path) -> str:
    """The words of a refusal, or the path if there is none; any other error passes."""
    try:
        read(path)
    except ValueError as error:
        return str(error)
    return str(path)
