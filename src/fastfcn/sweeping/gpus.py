"""GPUs of this machine, lent to one job at a time by lock files that every sweep of this user respects."""

import fcntl
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by UUID where nvidia-smi knows it."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    by_index = dict(line.split(", ") for line in listed.strip().splitlines() if ", " in line)
    if asked is None:
        return list(by_index.values())
    found = (_identity(name.strip(), by_index) for name in asked.split(","))
    return list(dict.fromkeys(itertools.takewhile(bool, found)))


def _identity(name: str, by_index: Mapping[str, str]) -> str:
    """Return the UUID that an index or the beginning of a UUID names; "" for what ends CUDA's list: -1, void, ..."""
    if name.startswith("MIG-"):  # part of a GPU, by a UUID that is not listed or as MIG-GPU-UUID/1/0
        gpu, slash, part = name[4:].partition("/")
        return f"MIG-{_identity(gpu, by_index) or gpu}{slash}{part}"
    whole = [uuid for uuid in by_index.values() if name.startswith("GPU-") and uuid.startswith(name)]
    return name if name in whole else whole[0] if len(whole) == 1 else by_index.get(name, "")


def lock_folder() -> Path:
    """Return where this user's sweeps on this machine keep their locks."""
    return Path(tempfile.gettempdir()) / f"fastfcn-gpus-{os.getuid()}"


@contextmanager
def lease(count: int, gpus: list[str], *, share: int = 1) -> Iterator[list[str] | None]:
    """Hold `count` of `gpus`, each with room for `share` jobs; yield them, or None if too few are free now.

    The kernel gives them back when this process ends, however it ends.
    """
    folder = lock_folder()
    folder.mkdir(exist_ok=True)
    with ExitStack() as held:
        taken: list[str] = []
        for place in range(share):  # the first place of every GPU before the second of any
            for gpu in gpus:
                if len(taken) < count and gpu not in taken and _lock(held, folder / f"{quote(gpu, safe='')}.{place}"):
                    taken.append(gpu)
        yield taken if len(taken) == count else None


def _lock(held: ExitStack, path: Path) -> bool:
    file: IO[str] = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True
