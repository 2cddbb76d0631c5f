"""Offline W&B runs in a browser, by TensorBoard on this machine."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tensorboard import program

from fastfcn.tracking.tensorboard import Exporter

HOST = "127.0.0.1"
REFRESH_SECONDS = 10.0
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
    """Export what is new; what cannot be read, such as a file that is not there yet, is announced if there is more."""
    try:
        exporter.update()
    except (OSError, ValueError) as error:
        if not exporter.names:
            raise
        announce(f"not all is shown: {error}")


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
