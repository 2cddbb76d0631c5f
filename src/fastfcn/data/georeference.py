"""Where on Earth a TIFF lies: GeoTIFF's tags (OGC 19-008r4, annex B), taken from one file to another of its pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastfcn.data.tiff import NODATA, Tiff, is_tiff

DOUBLE, ASCII, SHORT = 12, 2, 3  # TIFF's types
TAGS = {
    33550: DOUBLE,  # ModelPixelScale
    33922: DOUBLE,  # ModelTiepoint
    34264: DOUBLE,  # ModelTransformation
    34735: SHORT,  # GeoKeyDirectory
    34736: DOUBLE,  # GeoDoubleParams
    34737: ASCII,  # GeoAsciiParams
    50844: DOUBLE,  # RPCCoefficient
}
ExtraTag = tuple[int, int, int, Any, bool]


@dataclass(frozen=True)
class Georeference:
    """The tags that say where pixels lie, as tifffile writes them.

    GDAL's own (42112, 42113) are not taken over: they tell statistics of the image's bands, and which of its values is
    none.
    """

    tags: tuple[ExtraTag, ...]

    @classmethod
    def of(cls, tiff: Tiff) -> "Georeference | None":
        """Read that of a file; None if it has none."""
        found = []
        for code, kind in TAGS.items():
            value = tiff.tag(code)
            if value is not None:
                values = value if isinstance(value, str) else tuple(value)
                found.append((code, kind, 0 if isinstance(value, str) else len(values), values, True))
        return cls(tuple(found)) if found else None

    def with_nodata(self, value: int) -> tuple[ExtraTag, ...]:
        """Return the tags of a file of which pixels of one value are none."""
        return (*self.tags, (NODATA, ASCII, 0, str(value), True))


def read_georeference(path: Path) -> Georeference | None:
    """Read that of any image. Raises ValueError if a TIFF is damaged."""
    return Georeference.of(Tiff(path)) if is_tiff(path) else None
