"""What reaches the screen."""

import io
import logging
import sys
import warnings

from rich.console import Console


def plain_console() -> Console:
    """Return a console that prints names as they are: `[/b]` and `:car:` are no markup there."""
    return Console(markup=False, emoji=False)


def print_whatever_comes() -> None:
    """Escape what the terminal's encoding lacks, such as a name in Chinese, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def quieten_libraries() -> None:
    """Keep what tells a user nothing off the screen; each filter names its cause."""
    lightning = logging.getLogger("lightning.pytorch")
    lightning.handlers.clear()  # Hydra's handlers print the same records again
    lightning.setLevel(logging.WARNING)  # hardware found, checkpoints restored, tips
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # every request to the hub
    warnings.filterwarnings(
        "ignore", "Experiment logs directory"
    )  # Hydra's own files lie there; rows are kept on resume
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # as it must for a run to be resumed
    warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before")  # the data module resumes
    warnings.filterwarnings("ignore", "The `srun` command is available")  # a sweep's job is no task of Slurm's
    warnings.filterwarnings("ignore", ".*LeafSpec.*")  # Lightning 2.6 on a newer torch
    warnings.filterwarnings("ignore", ".*does not have many workers")  # workers are the user's choice
