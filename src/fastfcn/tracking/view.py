"""Offline W&B runs in a browser, by TensorBoard on this machine."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tensorboard import program

from fastfcn.tracking.tensorboard import Exporter

HOST = "127.0.0.1"
REFRESH_SECONDS = 10.0
MOST_LINES = 20
START = "?smoothing=0&tagFilter=val%2F#timeseries"  # curves and pictures of validation
KEPT = {"images": 200}  # of each tag; TensorBoard's own 10 are fewer than the epochs shown


def view(
    roots: tuple[Path, ...], *, port: int, announce: Callable[[str], None], forever: Callable[[], bool] = lambda: True
) -> None:
    """Serve the runs below `roots` on the loopback interface while `forever` says so, with what they gain meanwhile.

    `announce` gets the lines to show. Raises ValueError if there are no runs or the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="fastfcn-view-") as folder:
        exporter = Exporter(roots, Path(folder))
        try:
            refresh(exporter, announce)
            if not exporter.names:
                raise ValueError(f"no W&B run below {', '.join(map(str, roots))}; runs are logged unless logger=csv")
            announce(f"{len(exporter.names)} runs: {', '.join(exporter.names)}")
            announce(f"{serve(Path(folder), port)}{START} (Ctrl-C ends it)")
            while forever():
                time.sleep(REFRESH_SECONDS)
                refresh(exporter, announce)
        finally:
            exporter.close()


def refresh(exporter: Exporter, announce: Callable[[str], None]) -> None:
    """Export what is new, and announce, once, what cannot be read; nothing at all is raised, if it is so at first."""
    before = set(exporter.left_out)
    try:
        exporter.update()
    except OSError as error:
        if not exporter.names:
            raise
        exporter.left_out.append(str(error))
    new = [line for line in dict.fromkeys(exporter.left_out) if line not in before]
    for line in new[:MOST_LINES]:
        announce(f"not all is shown: {printable(line)}")
    if len(new) > MOST_LINES:
        announce(f"not all is shown: and {len(new) - MOST_LINES} more files")


def printable(line: str) -> str:
    """Cut a line that may quote a file to what a terminal only shows."""
    return "".join(each if each.isprintable() else "?" for each in line)[:300]


def serve(folder: Path, port: int) -> str:
    """Start TensorBoard in this process and return its address. Raises ValueError if the port is taken."""
    board = program.TensorBoard()
    board.configure(
        logdir=str(folder),
        host=HOST,
        port=port,
        load_fast="false",  # the fast loader is a process of its own, and experimental
        reload_interval=REFRESH_SECONDS / 2,
        samples_per_plugin=KEPT,
        window_title="FastFCN runs",
    )
    try:
        return str(board.launch())
    except program.TensorBoardServerException as error:
        raise ValueError(f"{error.msg}; choose another by port=") from error
