"""Downloads that go on where they stopped, and are trusted once their SHA-1 is right.

pooch verifies but cannot continue a download, and these files are gigabytes.
"""

import hashlib
import time
from pathlib import Path

import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from fastfcn.data.preparing.space import require_space
from fastfcn.disk import explained

BLOCK = 1 << 16  # bytes; a part of one is lost when the connection breaks
ATTEMPTS = 4  # in a row that bring nothing new
TIMEOUT = (20, 60)  # seconds to connect, and between two bytes
PAUSE = 2.0  # seconds before the second attempt, doubled each time
PARTIAL, BEYOND = 206, 416  # status: the rest of the file, nothing left
PASSING = (408, 429, 500, 502, 503, 504)  # status: try again


class UnreachableError(ValueError):
    """A download that did not come to its end."""


def download(url: str, path: Path, sha1: str | None) -> None:
    """Download `url` to `path`, which appears once it is whole and verified.

    What has arrived stays in `path`.part, and the next call asks for the rest. Raises ValueError if the file cannot be
    had or is not the one that `sha1` names.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(path.name, total=None)
        _fetch(url, part, progress, task)
    found = sha1_of(part)
    if sha1 is not None and found != sha1:
        part.unlink()
        raise ValueError(
            f"{url} has the SHA-1 {found}, expected {sha1}: it is damaged or another version, and was removed; "
            "try again, or another mirror with url="
        )
    part.replace(path)


def _fetch(url: str, part: Path, progress: Progress, task: TaskID) -> None:
    """Ask for what is left until all has arrived; give up after ATTEMPTS that bring nothing new."""
    failures, most = 0, _size(part)
    while True:
        try:
            _append(url, part, progress, task)
        except (requests.RequestException, UnreachableError) as error:
            failures = 1 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures >= ATTEMPTS or _is_final(error):
                raise UnreachableError(_explain(url, part, error)) from error
            time.sleep(PAUSE * 2 ** (failures - 1))
        else:
            return


def _append(url: str, part: Path, progress: Progress, task: TaskID) -> None:
    start = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == BEYOND and response.headers.get("Content-Range") == f"bytes */{start}":
            return
        if response.status_code == BEYOND:  # what is here is no beginning of what is there
            part.unlink()
            raise UnreachableError("the server has another file")
        response.raise_for_status()
        if response.status_code != PARTIAL:
            start = 0  # the server cannot continue
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        require_space(part.parent, (total or start) - start)
        progress.update(task, completed=start, total=total)
        with explained(part), part.open("ab" if start else "wb") as file:
            for block in response.iter_content(BLOCK):
                file.write(block)
                progress.advance(task, len(block))
        if total is not None and _size(part) < total:
            raise UnreachableError(f"the connection ended after {_size(part)} of {total} bytes")


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_final(error: Exception) -> bool:
    """Tell whether asking again is of no use: the server answered, and does not have it."""
    response = getattr(error, "response", None)
    return response is not None and response.status_code not in PASSING


def _explain(url: str, part: Path, error: Exception) -> str:
    response = getattr(error, "response", None)
    reason = f"status {response.status_code}" if response is not None else f"{type(error).__name__}: {error}"
    kept = f"{_size(part)} bytes are kept in {part} and the same command goes on from there" if _size(part) else ""
    return f"{url} cannot be downloaded ({reason[:160]}); {kept or 'check the address, or give a mirror with url='}"
