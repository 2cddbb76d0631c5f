"""One training at a time in a folder."""

import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastfcn.training.ranks import is_first

log = logging.getLogger(__name__)

NAME = ".train.lock"


@contextmanager
def alone_in(run_dir: Path) -> Iterator[None]:
    """Hold a folder for a training, all of whose processes count as the first. Raises ValueError if another holds it.

    The lock is one of POSIX: it ends with its process, however that ends; loading workers, which outlive a killed
    training for seconds, do not inherit it; and NFS honours it between machines. Where the file system has no locks,
    a warning says so.
    """
    if not is_first():
        yield
        return
    path = run_dir / NAME
    run_dir.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                file.seek(0)
                raise ValueError(
                    f"another training, {file.read(200).strip() or 'just begun'}, writes into {run_dir}; wait for its "
                    "end, or give another hydra.run.dir="
                ) from error
            log.warning("%s cannot be locked (%s): start no second training in that folder", path, error.strerror)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
