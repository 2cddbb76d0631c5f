"""One training at a time in a folder."""

import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fastfcn.training.ranks import is_first

log = logging.getLogger(__name__)

NAME = ".train.lock"


@contextmanager
def alone_in(run_dir: Path, *, what: str = "training", option: str = "hydra.run.dir=") -> Iterator[None]:
    """Hold a folder for a training, all of whose processes count as the first. Raises ValueError if another holds it.

    `what` else it may be held for is told, with the `option` that names the folder.

    The lock is one of POSIX: it ends with its process, however that ends; loading workers, which outlive a killed
    training for seconds, do not inherit it; and NFS honours it between machines. Where the file system has no locks,
    a warning says so.
    """
    if not is_first():
        yield
        return
    path = run_dir / NAME
    run_dir.mkdir(parents=True, exist_ok=True)
    file = _locked(path, what, option)
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: see below
        file.close()


def _locked(path: Path, what: str, option: str) -> IO[str]:
    """Open a file and lock it; one that its former holder has removed meanwhile is nobody's, so another is made."""
    while True:
        file = path.open("a+")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                file.seek(0)
                holder = file.read(200).strip() or "just begun"
                file.close()
                raise ValueError(
                    f"another {what}, {holder}, writes into {path.parent}; wait for its end, or give another {option}"
                ) from error
            log.warning("%s cannot be locked (%s): start no second %s in that folder", path, error.strerror, what)
            return file
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()
