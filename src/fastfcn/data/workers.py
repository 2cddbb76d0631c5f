"""The processes in which a DataLoader reads."""

import signal
from multiprocessing import active_children
from multiprocessing.util import Finalize
from typing import Any

import cv2
import torch

from fastfcn.stopping import STOP_SIGNALS


def worker_options(workers: int) -> dict[str, Any]:
    """DataLoader arguments that every loader shares."""
    return {
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "pin_memory": torch.cuda.is_available(),
        "worker_init_fn": begin_worker,
    }


def begin_worker(_worker: int) -> None:
    """Have a worker use no threads beside its own, and outlive a signal that asks for a checkpoint.

    PyTorch limits its own threads, but not OpenCV's. Slurm and `timeout` signal all processes of a job: without its
    workers a training could not go on to the end of its step. They end with the training.
    """
    cv2.setNumThreads(0)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_workers() -> None:
    """End workers that are left when this process ends: it would ask them by the signal that they outlive, and wait."""
    for child in active_children():
        if child.daemon:
            child.kill()


Finalize(None, _end_workers, exitpriority=0)
