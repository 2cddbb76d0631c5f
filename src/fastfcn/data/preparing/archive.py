"""What a dataset is published as."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

DOWNLOADS = "downloads"  # the folder in data.root that archives are kept in


@dataclass(frozen=True)
class Archive:
    """A published file. `contents` are the paths under data.root that it brings.

    `url` and `sha1` are None for files behind an account. A file that is no zip or tar is itself its contents.
    """

    name: str
    contents: tuple[str, ...]
    url: str | None = None
    sha1: str | None = None

    def source(self, mirror: str | None) -> str | None:
        """Return where to download from; a mirror is a web folder that holds the file under its own name."""
        if mirror is None:
            return self.url
        if urlsplit(mirror).scheme not in ("http", "https"):
            raise ValueError(f"url={mirror} is no web address; give the http:// or https:// folder of the archives")
        return f"{mirror.rstrip('/')}/{self.name}"

    def present(self, root: Path) -> bool:
        """Tell whether the contents are there, whole: unpacked by us to the end, or put there by the user."""
        return not self.unpacking(root).exists() and all((root / path).exists() for path in self.contents)

    def unpacking(self, root: Path) -> Path:
        """Return the file that stands as long as unpacking is not finished."""
        return root / DOWNLOADS / f"{self.name}.unpacking"

    def find(self, root: Path) -> Path | None:
        """Return the archive itself, if it lies in `root` or in its downloads."""
        places = (root / DOWNLOADS / self.name, root / self.name)
        return next((path for path in places if path.is_file()), None)

    def destination(self, root: Path) -> Path:
        """Return where a download of it goes."""
        return root / (DOWNLOADS if self.packed else PurePosixPath(self.contents[0]).parent) / self.name

    @property
    def packed(self) -> bool:
        """Tell whether it is to be unpacked."""
        return self.name.endswith((".zip", ".tar", ".tgz", ".tar.gz"))
