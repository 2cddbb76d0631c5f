"""Image files as people have them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.images import list_images, read_image, read_indices


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
