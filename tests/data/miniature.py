"""What the published datasets in miniature are made of."""

import io
import tarfile
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.dataset import UInt8
from fastfcn.data.palette import png_palette, voc_palette
from fastfcn.data.preparing.download import sha1_of
from fastfcn.data.public import PublicData

HEIGHT, WIDTH = 36, 48
TRAIN, VAL = ("a1", "a2", "a3", "a4"), ("b1", "b2")


@dataclass
class Miniature:
    """`folder` holds archives; `masks` are the expected class indices by split and image; `sizes` the true counts."""

    data: type[PublicData]
    folder: Path
    masks: dict[str, dict[str, UInt8]]
    sizes: dict[str, int | None]
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def write(self) -> "Miniature":
        for name, files in self.files.items():
            write_archive(self.folder / name, files)
        return self

    def publish(self, monkeypatch: pytest.MonkeyPatch) -> "Miniature":
        """Have the dataset expect these archives and counts in place of the published ones."""
        archives = [replace(each, sha1=each.sha1 and sha1_of(self.folder / each.name)) for each in self.data.archives]
        monkeypatch.setattr(self.data, "archives", tuple(archives))
        monkeypatch.setattr(self.data, "sizes", self.sizes)
        return self


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".json":
        path.write_bytes(files[path.name])
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def png(array: UInt8, *, palette: bool = False) -> bytes:
    picture = Image.fromarray(array)
    if palette:
        picture.putpalette(png_palette(voc_palette(21)))
    return encoded(picture, "PNG")


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG")


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def values(seed: int, allowed: list[int]) -> UInt8:
    """A mask in blocks of 4x4 pixels that holds every allowed value, if there are at most 108."""
    rng = np.random.default_rng(seed)
    blocks = np.resize(rng.permutation(allowed), (HEIGHT // 4, WIDTH // 4))
    return np.kron(blocks, np.ones((4, 4), int)).astype(np.uint8)


def lines(*names: str) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def chosen(masks: dict[str, UInt8], *names: str) -> dict[str, UInt8]:
    return {name: masks[name] for name in names}
